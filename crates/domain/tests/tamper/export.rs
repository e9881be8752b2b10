use chrono::DateTime;
use portcullis_domain::audit::document::{DocumentAuditor, Header, Line};

use crate::{
    CHECKPOINT, Draws,
    forge::{self, Log},
    tamperings,
};

fn export(log: &Log) -> Vec<String> {
    let keys = forge::keys();
    let tip = log.checkpoints.last().expect("signed").tip();
    let mut lines =
        vec![Line::Header(Box::new(Header::sign(&keys, None, &tip, DateTime::UNIX_EPOCH))).to_line()];
    for (signed, items) in log.checkpoints.iter().zip(log.items.chunks(CHECKPOINT)) {
        lines.push(Line::Checkpoint(Box::new(signed.clone())).to_line());
        lines.extend(items.iter().map(|item| Line::Event(Box::new(item.clone())).to_line()));
    }
    lines
}

/// Goes on from an auditor that has seen what comes before, as the command does: by lines, of which each has an end.
fn verdict(mut auditor: DocumentAuditor<'_>, rest: &[u8], mut line: usize) -> Option<String> {
    let mut rest = rest;
    while !rest.is_empty() {
        line += 1;
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            return Some(format!("line {line}: no end"));
        };
        let Ok(text) = std::str::from_utf8(&rest[..end]) else {
            return Some(format!("line {line}: no text"));
        };
        if let Err(finding) = auditor.check(text) {
            return Some(finding.to_string());
        }
        rest = &rest[end + 1..];
    }
    auditor.finish().err().map(|finding| finding.to_string())
}

#[test]
fn every_tampering_of_an_export_is_found_in_the_first_bad_line() {
    let draws = Draws::new(2);
    let log = Log::new(&draws);
    let lines = export(&log);
    let keys = forge::keys();
    // What was seen before each checkpoint, so that no round begins at the beginning.
    let mut auditor = DocumentAuditor::new(&keys);
    let mut seen = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if number % CHECKPOINT == 0 {
            seen.push(auditor.clone());
        }
        auditor.check(line.trim_end_matches('\n')).expect("no false alarm");
    }
    auditor.finish().expect("no false alarm");

    for round in 0..tamperings(600) {
        let first = draws.below(lines.len());
        let start = first / CHECKPOINT * CHECKPOINT;
        // The checks of all before it have seen no change.
        let mut rest: Vec<Vec<u8>> =
            lines[start..].iter().take(3 * CHECKPOINT).map(|line| line.clone().into_bytes()).collect();
        let is_whole = start + rest.len() == lines.len();
        let place = first - start;
        match round % 6 {
            0 | 1 => draws.flip(&mut rest[place]),
            2 => drop(rest.remove(place)),
            3 => {
                let copy = lines[draws.below(lines.len())].clone().into_bytes();
                // Of equal lines the second is the one too many.
                if copy == rest[place] {
                    continue;
                }
                rest.insert(place, copy);
            }
            4 => {
                let other = draws.below(rest.len());
                if other <= place {
                    continue;
                }
                rest.swap(place, other);
            }
            _ => {
                let cut = draws.below(rest[place].len());
                rest[place].truncate(cut);
                rest.truncate(place + 1);
            }
        }
        let finding = verdict(seen[start / CHECKPOINT].clone(), &rest.concat(), start);
        let Some(finding) = finding else {
            panic!("round {round}: line {} not found (whole: {is_whole})", first + 1)
        };
        let named = [format!("line {}:", first + 1), format!("line {} (", first + 1)];
        let is_named = named.iter().any(|named| finding.starts_with(named));
        assert!(is_named, "round {round}, line {}: {finding}", first + 1);
    }
}

/// Whoever has no key can compute every hash anew, and not one signature.
#[test]
fn an_export_that_was_chained_anew_is_found_at_the_event_that_differs() {
    let draws = Draws::new(3);
    let log = Log::new(&draws);
    let keys = forge::keys();
    for round in 0..tamperings(6).div_ceil(100) {
        let mut forged = log.clone();
        let place = draws.below(forged.items.len());
        forged.items[place].event.event.schema_version += 1;
        forged.chain_anew();
        let lines = export(&forged);
        let finding = verdict(DocumentAuditor::new(&keys), lines.concat().as_bytes(), 0).expect("found");
        // The header, and the checkpoints up to the one that covers it.
        let line = place + place / CHECKPOINT + 3;
        assert!(finding.starts_with(&format!("line {line} ")), "round {round}: {finding}");
        assert!(finding.contains(&forged.items[place].event.event.id.to_string()), "{finding}");
    }
}
