//! Which lines were refused and why: a JSON object a line, without anything of what the line holds.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use anyhow::Context;
use serde_json::json;

use super::record::Reasons;

/// Where refused lines are told of.
pub(crate) struct Report {
    place: Place,
    pub(crate) refused: u64,
}

enum Place {
    /// A file that is made when the first line is refused.
    Unmade(PathBuf),
    File(PathBuf, BufWriter<File>),
    StandardError,
}

impl Report {
    /// In a file, or on standard error.
    pub(crate) fn new(file: Option<PathBuf>) -> Self {
        Self { place: file.map_or(Place::StandardError, Place::Unmade), refused: 0 }
    }

    /// Tells of a line that cannot be read.
    pub(crate) fn unreadable(&mut self, line: u64, problem: &str) -> anyhow::Result<()> {
        self.write(&json!({"line": line, "problem": problem}))
    }

    /// Tells of a line that says what no user may be.
    pub(crate) fn refused(&mut self, line: u64, reasons: &Reasons) -> anyhow::Result<()> {
        self.write(&json!({"line": line, "fields": reasons}))
    }

    fn write(&mut self, entry: &serde_json::Value) -> anyhow::Result<()> {
        self.refused += 1;
        if let Place::Unmade(path) = &self.place {
            let file = File::create(path);
            let file = file.with_context(|| format!("the report {} cannot be written", path.display()))?;
            self.place = Place::File(path.clone(), BufWriter::new(file));
        }
        match &mut self.place {
            Place::File(_, file) => writeln!(file, "{entry}")?,
            Place::StandardError | Place::Unmade(_) => writeln!(io::stderr().lock(), "{entry}")?,
        }
        Ok(())
    }

    /// Writes what is still held back, and says where the report is.
    pub(crate) fn finish(&mut self) -> anyhow::Result<String> {
        Ok(match &mut self.place {
            Place::File(path, file) => {
                file.flush()?;
                format!("{} says why", path.display())
            }
            Place::StandardError | Place::Unmade(_) => "the lines above say why".to_owned(),
        })
    }
}
