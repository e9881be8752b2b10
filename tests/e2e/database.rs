//! A look into the database from beside the service, as an operator has it, or somebody who should not.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

/// Runs SQL with whichever of the usual tools is here.
fn run(path: &Path, sql: &str) -> Output {
    let shell = Command::new("sqlite3").arg("-batch").arg(path).arg(sql).output();
    let output = shell.or_else(|_| {
        const SCRIPT: &str = "import sqlite3, sys\n\
            connection = sqlite3.connect(sys.argv[1])\n\
            for statement in sys.argv[2].split(';'):\n\
            \x20   for row in connection.execute(statement): print('|'.join(map(str, row)))\n\
            connection.commit()";
        Command::new("python3").args(["-c", SCRIPT]).arg(path).arg(sql).output()
    });
    output.expect("sqlite3 or python3 is needed to look into the database; on Debian and Ubuntu: apt-get install sqlite3")
}

/// The right to write, which nobody else has until this is dropped.
pub(crate) struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Begins a transaction that writes, and leaves it open.
pub(crate) fn hold(path: &Path) -> Held {
    const SCRIPT: &str = "import sqlite3, sys\n\
        connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)\n\
        connection.execute('BEGIN IMMEDIATE')\n\
        print('held', flush=True)\n\
        sys.stdin.read()";
    let start = |command: &mut Command| command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let shell = start(Command::new("sqlite3").arg("-batch").arg(path));
    let child = shell.or_else(|_| start(Command::new("python3").args(["-c", SCRIPT]).arg(path)));
    let mut held = Held(child.expect("sqlite3 or python3 runs"));
    // The one takes it for statements, the other for a word that it waits for.
    let words = b".timeout 30000\nBEGIN IMMEDIATE;\nSELECT 'held';\n";
    held.0.stdin.as_mut().expect("piped").write_all(words).expect("it reads");
    let mut line = String::new();
    BufReader::new(held.0.stdout.as_mut().expect("piped")).read_line(&mut line).expect("it answers");
    assert_eq!(line.trim(), "held");
    held
}

/// What a statement prints, where it can be run.
pub(crate) fn try_query(path: &Path, sql: &str) -> Option<String> {
    let output = run(path, sql);
    output.status.success().then(|| String::from_utf8(output.stdout).expect("text"))
}

/// What the statements print, a row a line; they may change what they like.
pub(crate) fn query(path: &Path, sql: &str) -> String {
    let output = run(path, sql);
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
