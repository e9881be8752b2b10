//! A copy of the checkpoints outside the database: whoever can change the one may not reach the other.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use portcullis_domain::{
    audit::document::{CheckpointCopy, DocumentError},
    port::{Checkpoints, StoreError},
};
use thiserror::Error;

const PAGE: usize = 100;

/// Lines of JSON, a checkpoint each, without its leaves.
pub struct CheckpointFile<'a> {
    path: &'a Path,
}

/// The file cannot be used.
#[derive(Debug, Error)]
pub enum CheckpointFileError {
    /// The system does not let it be read or written.
    #[error("{} cannot be used", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It holds something else.
    #[error("{}: line {line} is no checkpoint", .path.display())]
    Line {
        /// Which.
        path: PathBuf,
        /// Where in it.
        line: u64,
        /// Why.
        #[source]
        source: DocumentError,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<'a> CheckpointFile<'a> {
    /// A file, there or not.
    pub const fn at(path: &'a Path) -> Self {
        Self { path }
    }

    /// Adds the checkpoints that it lacks, and makes it (for this user alone) where it is not there.
    pub(crate) async fn complete(&self, checkpoints: &dyn Checkpoints) -> Result<(), CheckpointFileError> {
        let mut last = self.repaired_last()?;
        loop {
            let page = checkpoints.list(last, PAGE).await?;
            let Some(newest) = page.last() else { return Ok(()) };
            last = newest.checkpoint.number;
            let lines: String = page.iter().map(|signed| CheckpointCopy::of(signed).to_line()).collect();
            self.append(&lines).map_err(|source| self.failed(source))?;
        }
    }

    /// All copies in it, in their order.
    pub fn read(&self) -> Result<Vec<CheckpointCopy>, CheckpointFileError> {
        let file = File::open(self.path).map_err(|source| self.failed(source))?;
        let mut copies = Vec::new();
        for (line, text) in (1..).zip(BufReader::new(file).lines()) {
            let text = text.map_err(|source| self.failed(source))?;
            let copy = CheckpointCopy::from_line(&text);
            copies.push(copy.map_err(|source| CheckpointFileError::Line {
                path: self.path.into(),
                line,
                source,
            })?);
        }
        Ok(copies)
    }

    /// The number of the last one, 0 where there is none. Half a line at the end is what a crash left, and is cut off.
    fn repaired_last(&self) -> Result<u64, CheckpointFileError> {
        /// A line is far shorter.
        const END: u64 = 64 * 1024;
        let end = || -> io::Result<Vec<u8>> {
            let mut file = match OpenOptions::new().read(true).write(true).open(self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                file => file?,
            };
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
            if whole < bytes.len() {
                file.set_len(length - (bytes.len() - whole) as u64)?;
            }
            bytes.truncate(whole);
            Ok(bytes)
        };
        let bytes = end().map_err(|source| self.failed(source))?;
        let text = String::from_utf8_lossy(&bytes);
        let Some(line) = text.lines().last() else { return Ok(0) };
        let copy = CheckpointCopy::from_line(line);
        let copy =
            copy.map_err(|source| CheckpointFileError::Line { path: self.path.into(), line: 0, source })?;
        Ok(copy.checkpoint.number)
    }

    fn append(&self, lines: &str) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(self.path)?;
        file.write_all(lines.as_bytes())?;
        file.sync_all()
    }

    fn failed(&self, source: io::Error) -> CheckpointFileError {
        CheckpointFileError::File { path: self.path.into(), source }
    }
}
