//! A look into the database from beside the service, as an operator has it, or somebody who should not.

use std::{
    path::Path,
    process::{Command, Output},
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

/// What the statements print, a row a line; they may change what they like.
pub(crate) fn query(path: &Path, sql: &str) -> String {
    let output = run(path, sql);
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
