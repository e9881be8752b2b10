use thiserror::Error;

use super::{DocumentError, Header, Line};
use crate::{
    audit::{AuditReport, Auditor, Cut, Finding},
    checkpoint::{CheckpointFinding, Tip},
    port::{CheckpointVerifier, SignatureError},
    retention::{BasesSum, HorizonFault},
};

/// Checks an export, line by line, with nothing but the public keys that may have signed it. Keeps the newest hash of each stream, and what one
/// checkpoint covers, however long the log is.
#[derive(Clone)]
pub struct DocumentAuditor<'a> {
    keys: &'a dyn CheckpointVerifier,
    header: Option<Header>,
    auditor: Auditor,
    tip: Tip,
    /// What the bases that were read add up to.
    bases: BasesSum,
    line: u64,
}

/// The first thing that does not add up, and where.
#[derive(Debug, Error)]
pub enum DocumentFinding {
    /// A line does not read.
    #[error("line {line} (event number {event}): {source}")]
    Line {
        /// Which.
        line: u64,
        /// How many events there were before it, and one.
        event: u64,
        /// Why.
        #[source]
        source: DocumentError,
    },
    /// The first line is no header, or is there twice.
    #[error("line {line}: an export has one header, and it comes first")]
    Header {
        /// Where.
        line: u64,
    },
    /// The header is not of a key that is trusted.
    #[error("line 1: the export is signed with the key {0}, which is not among the keys to trust")]
    UnknownKey(String),
    /// The header was changed.
    #[error("line 1: its signature is not of what it says: it was changed since it was written")]
    Signature,
    /// Where the log was archived before is not to be believed.
    #[error("line {line}: the horizon, up to which the log is in other archives: {fault}")]
    Horizon {
        /// Where.
        line: u64,
        /// What is wrong with it.
        fault: HorizonFault,
    },
    /// A checkpoint is not to be believed.
    #[error("line {line}: {finding}")]
    Checkpoint {
        /// Where.
        line: u64,
        /// What is wrong with it.
        finding: CheckpointFinding,
    },
    /// An event is not as it was written.
    #[error("line {line} (event number {event}): {finding}")]
    Event {
        /// Where.
        line: u64,
        /// The how-many-eth event it is.
        event: u64,
        /// What is wrong with it.
        finding: Finding,
    },
    /// An event lies beyond the last checkpoint, or a checkpoint comes before what the one before it covers.
    #[error(
        "line {line} (event number {event}): it is not where it belongs: it was added or moved, or what belongs here was taken away"
    )]
    Misplaced {
        /// Where.
        line: u64,
        /// How many events there were before it, and one.
        event: u64,
    },
    /// The end is missing.
    #[error("line {line}: {cut}")]
    Cut {
        /// The line that is not there.
        line: u64,
        /// What is missing.
        cut: Cut,
    },
    /// The end is missing, from a checkpoint on.
    #[error(
        "line {line} (event number {event}): the end is missing: the export went on to checkpoint {checkpoint}"
    )]
    Short {
        /// The line that is not there.
        line: u64,
        /// How many events there are, and one.
        event: u64,
        /// The last one.
        checkpoint: u64,
    },
}

impl<'a> DocumentAuditor<'a> {
    /// Before the first line.
    pub fn new(keys: &'a dyn CheckpointVerifier) -> Self {
        Self {
            keys,
            header: None,
            auditor: Auditor::default(),
            tip: Tip::START,
            bases: BasesSum::NONE,
            line: 0,
        }
    }

    /// Checks the next line, without its end.
    pub fn check(&mut self, text: &str) -> Result<(), DocumentFinding> {
        self.line += 1;
        let (line, event) = (self.line, self.next_event());
        let read = Line::from_line(text).map_err(|source| DocumentFinding::Line { line, event, source })?;
        match (read, &self.header) {
            (Line::Header(header), None) => self.begin(*header),
            (Line::Header(_), Some(_)) | (_, None) => Err(DocumentFinding::Header { line }),
            (Line::Base(mark), Some(header)) => {
                let horizon = header.horizon.as_ref().filter(|horizon| self.bases.streams < horizon.streams);
                let horizon = horizon.ok_or(DocumentFinding::Misplaced { line, event })?;
                self.bases.add(&mark);
                if self.bases.streams == horizon.streams && self.bases != horizon.sum() {
                    return Err(DocumentFinding::Horizon { line, fault: HorizonFault::Bases });
                }
                self.auditor.begin_at(&mark);
                Ok(())
            }
            (Line::Checkpoint(signed), Some(header)) => {
                let are_bases_missing =
                    header.horizon.as_ref().is_some_and(|horizon| horizon.streams != self.bases.streams);
                if are_bases_missing
                    || self.auditor.is_expecting()
                    || signed.checkpoint.number > header.checkpoint
                {
                    return Err(DocumentFinding::Misplaced { line, event });
                }
                let verdict = signed.check_after(&self.tip).and_then(|()| signed.check_signature(self.keys));
                verdict.map_err(|finding| DocumentFinding::Checkpoint { line, finding })?;
                self.tip = signed.tip();
                self.auditor.expect(&signed);
                Ok(())
            }
            (Line::Event(_), Some(_)) if !self.auditor.is_expecting() => {
                Err(DocumentFinding::Misplaced { line, event })
            }
            (Line::Event(item), Some(_)) => {
                let verdict = self.auditor.check_item(&item);
                verdict.map_err(|finding| DocumentFinding::Event { line, event, finding })
            }
        }
    }

    /// After the last line.
    pub fn finish(self) -> Result<(Header, AuditReport), DocumentFinding> {
        let (line, event) = (self.line + 1, self.next_event());
        let Some(header) = self.header else { return Err(DocumentFinding::Header { line }) };
        self.auditor.check_end().map_err(|cut| DocumentFinding::Cut { line, cut })?;
        if (self.tip.number, self.tip.hash, self.tip.count) != (header.checkpoint, header.hash, header.events)
        {
            return Err(DocumentFinding::Short { line, event, checkpoint: header.checkpoint });
        }
        let checkpoints = self.tip.number;
        let report =
            AuditReport { checkpoints, checked_until: Some(header.made_at), ..self.auditor.report() };
        Ok((header, report))
    }

    fn begin(&mut self, header: Header) -> Result<(), DocumentFinding> {
        header.check_signature(self.keys).map_err(|error| match error {
            SignatureError::UnknownKey => DocumentFinding::UnknownKey(header.key_id.clone()),
            SignatureError::Invalid => DocumentFinding::Signature,
        })?;
        if let Some(horizon) = &header.horizon {
            let verdict = horizon.check_signature(self.keys);
            verdict.map_err(|fault| DocumentFinding::Horizon { line: 1, fault })?;
            self.tip = horizon.tip;
            self.auditor.begin_after(horizon);
        }
        self.header = Some(header);
        Ok(())
    }

    fn next_event(&self) -> u64 {
        self.auditor.report().events + 1
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::{
        checkpoint::Tally,
        testing::{PlainKeys, feed},
    };

    /// An export of so many events, three of them a checkpoint.
    fn export(count: u64) -> Vec<String> {
        let keys = PlainKeys::new(1);
        let mut lines = Vec::new();
        let mut tally = Tally::after(&Tip::START);
        for items in feed(count).chunks(3) {
            for item in items {
                tally.add(item).expect("whole");
            }
            let signed = tally.sign(&keys, DateTime::UNIX_EPOCH).expect("new events");
            tally = Tally::after(&signed.tip());
            lines.push(Line::Checkpoint(Box::new(signed)).to_line());
            lines.extend(items.iter().map(|item| Line::Event(Box::new(item.clone())).to_line()));
        }
        let header = Header::sign(&keys, None, tally.tip(), DateTime::UNIX_EPOCH);
        lines.insert(0, Line::Header(Box::new(header)).to_line());
        lines
    }

    fn verify(lines: &[String]) -> Result<(Header, AuditReport), DocumentFinding> {
        let keys = PlainKeys::new(1);
        let mut auditor = DocumentAuditor::new(&keys);
        for line in lines {
            auditor.check(line.strip_suffix('\n').unwrap_or(line))?;
        }
        auditor.finish()
    }

    #[test]
    fn an_export_is_intact_as_it_was_written() {
        let (header, report) = verify(&export(7)).expect("intact");
        assert_eq!((header.events, header.checkpoint), (7, 3));
        assert_eq!((report.events, report.covered, report.checkpoints, report.streams), (7, 7, 3, 3));
        assert!(verify(&export(0)).is_ok(), "of an empty log");
    }

    #[test]
    fn any_flipped_bit_is_found_in_its_line() {
        let keys = PlainKeys::new(1);
        let mut intact = DocumentAuditor::new(&keys);
        for line in export(4) {
            let line = line.trim_end();
            for bit in 0..line.len() * 8 {
                let mut bytes = line.as_bytes().to_vec();
                bytes[bit / 8] ^= 1 << (bit % 8);
                // What is no text is refused by whoever reads lines.
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                assert!(intact.clone().check(&changed).is_err(), "bit {bit} of {line}");
            }
            intact.check(line).expect("intact");
        }
    }

    #[test]
    fn no_line_can_be_taken_away_moved_or_added_and_no_end_cut_off() {
        let lines = export(7);
        for number in 0..lines.len() {
            let mut fewer = lines.clone();
            fewer.remove(number);
            let finding = verify(&fewer).expect_err("missing").to_string();
            assert!(finding.starts_with(&format!("line {}", number + 1)), "{number}: {finding}");
            assert!(verify(&lines[..number]).is_err(), "cut at {number}");
            for other in 0..lines.len() {
                let mut more = lines.clone();
                more.insert(number, lines[other].clone());
                assert!(verify(&more).is_err(), "{other} at {number} again");
                if number != other {
                    let mut moved = lines.clone();
                    moved.swap(number, other);
                    assert!(verify(&moved).is_err(), "{number} and {other} exchanged");
                }
            }
        }
    }

    #[test]
    fn an_export_of_another_key_is_not_believed() {
        let lines = export(4);
        let keys = PlainKeys::new(2);
        let mut auditor = DocumentAuditor::new(&keys);
        let finding = auditor.check(lines[0].trim_end()).expect_err("a stranger's");
        assert!(matches!(finding, DocumentFinding::UnknownKey(_)));
    }

    #[test]
    fn every_line_reads_back_as_it_was_written() {
        let mut item = feed(1).remove(0);
        item.event.event.personal = Some(crate::seal::Sealed::new(vec![0, 255, 10]));
        item.event.event.data = crate::event::EventData::from_stored("{\"\u{e4}\": \"\\n\u{2028}\"}");
        let line = Line::Event(Box::new(item));
        assert_eq!(Line::from_line(line.to_line().trim_end()).expect("reads"), line);
    }
}
