//! The notary signs the log, and what it signed is checked against the database and against an export.

mod archive;
mod export;
mod sign;
mod tamper;

use std::process::Output;

use crate::server::Server;

/// The exit code, what was printed, and what was complained of.
fn outcome(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn run(server: &Server, arguments: &[&str]) -> (Option<i32>, String, String) {
    outcome(&server.command(arguments).output().expect("it runs"))
}

/// What a command prints that succeeds.
#[track_caller]
fn printed(server: &Server, arguments: &[&str]) -> String {
    let (code, out, complaint) = run(server, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {complaint}");
    out
}

/// How many checkpoints there are, and how many events they cover, by `audit verify`.
#[track_caller]
fn covered(server: &Server) -> (u64, u64) {
    let report = printed(server, &["audit", "verify"]);
    let line = report.lines().nth(1).expect("a second line");
    let words: Vec<_> = line.split_whitespace().collect();
    if words[0] == "no" {
        return (0, 0);
    }
    assert!(line.ends_with("their signatures checked"), "{line}");
    let number = |word: &str| word.parse().unwrap_or_else(|_| panic!("{line}"));
    let cover = words.iter().position(|word| *word == "cover").expect("cover");
    (number(words[0]), number(words[cover + 1]))
}
