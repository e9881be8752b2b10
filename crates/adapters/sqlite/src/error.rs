//! Engine errors in the domain's words, and why a database did not open, in the operator's.

use std::path::PathBuf;

use diesel::result::{DatabaseErrorKind, Error as EngineError};
use portcullis_domain::port::{Source, StoreError};
use thiserror::Error;

/// Why a database was not opened; nothing of it was changed. Each message says what to do.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The folder is not there, is no folder, or does not let this process in.
    #[error("the folder {} cannot be used: create it, allow this user to write to it, or choose another", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system or the engine says.
        #[source]
        source: Source,
    },
    /// The file is there and does not let this process in.
    #[error("the database {} cannot be read: give the file to the user that runs this, or choose another", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: Source,
    },
    /// The file holds something else.
    #[error("{} is not a database: choose another file, or restore this one from a back-up", .path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is a database, and parts of it are not what the engine wrote.
    #[error("the database {} is damaged: restore it from a back-up", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The file is a database of some other program.
    #[error("the database {} belongs to another program: choose another file", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another process held the database for longer than the busy timeout.
    #[error("the database {} is locked by another process: stop that process, or try again when it is done", .path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The database was migrated by a version of this software that this one does not know.
    #[error(
        "the database {} is from a newer version (it has the migration {migration}): run that version, or restore a back-up made before it",
        .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The first migration this version does not know.
        migration: String,
    },
    /// The database lacks migrations, and it was to be opened without a change.
    #[error("the database {} is from an older version: run `portcullis migrate` first", .path.display())]
    Outdated {
        /// The file.
        path: PathBuf,
    },
    /// A migration failed and was undone.
    #[error("the database {} could not be migrated: free some disk space or restore a back-up, and try again", .path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// What the engine says.
        #[source]
        source: Source,
    },
    /// The file system has no shared memory, which the write-ahead log needs.
    #[error("the file system under {} does not support a write-ahead log: choose a folder on a local disk", .path.display())]
    NoWriteAheadLog {
        /// The file.
        path: PathBuf,
    },
    /// Anything else.
    #[error("the database {} cannot be opened", .path.display())]
    Engine {
        /// The file.
        path: PathBuf,
        /// What the engine says.
        #[source]
        source: Source,
    },
}

/// What SQLite says of each of its result codes; diesel hands out the text and not the code
/// (<https://www.sqlite.org/rescode.html>).
mod text {
    pub(super) const BUSY: &str = "database is locked";
    pub(super) const CORRUPT: &str = "database disk image is malformed";
    pub(super) const NOT_A_DATABASE: &str = "file is not a database";
    pub(super) const CANNOT_OPEN: &str = "unable to open database file";
    /// How the log's own triggers begin.
    pub(super) const APPEND_ONLY: &str = "events are append-only";
    pub(super) const READ_ONLY: &str = "attempt to write a readonly database";
}

/// Whether another connection held what was needed for longer than the busy timeout.
pub(crate) fn is_busy(error: &EngineError) -> bool {
    error.to_string() == text::BUSY
}

/// An engine's error while it served a port.
pub(crate) fn engine(error: EngineError) -> StoreError {
    match &error {
        EngineError::DeserializationError(_)
        | EngineError::DatabaseError(
            DatabaseErrorKind::UniqueViolation
            | DatabaseErrorKind::CheckViolation
            | DatabaseErrorKind::NotNullViolation
            | DatabaseErrorKind::ForeignKeyViolation,
            _,
        ) => StoreError::corrupt(error),
        EngineError::DatabaseError(_, information)
            if [text::CORRUPT, text::NOT_A_DATABASE].contains(&information.message())
                || information.message().starts_with(text::APPEND_ONLY) =>
        {
            StoreError::corrupt(error)
        }
        _ => StoreError::unavailable(error),
    }
}

impl OpenError {
    /// A migration that failed, unless it never began.
    pub(crate) fn from_migration(path: PathBuf, source: Source) -> Self {
        match Self::from_engine(path, source) {
            Self::Engine { path, source } => Self::Migration { path, source },
            error => error,
        }
    }

    /// An engine's error while a database was opened.
    pub(crate) fn from_engine(path: PathBuf, source: impl Into<Source>) -> Self {
        let source = source.into();
        match source.to_string().as_str() {
            text::BUSY => Self::Locked { path },
            text::NOT_A_DATABASE => Self::NotADatabase { path },
            text::CORRUPT => Self::Damaged { path },
            // The file itself was read before: what cannot be opened or written are the files the engine keeps beside it.
            text::CANNOT_OPEN | text::READ_ONLY => {
                Self::Folder { path: path.parent().map(PathBuf::from).unwrap_or(path), source }
            }
            _ => Self::Engine { path, source },
        }
    }
}
