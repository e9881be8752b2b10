//! Engine errors in the domain's words, and why a database did not open, in the operator's.

use std::error::Error as _;

use diesel::result::{DatabaseErrorKind, Error as EngineError};
use portcullis_domain::port::{Source, StoreError};
use thiserror::Error;
use tokio_postgres::error::SqlState;

/// The oldest server this adapter runs on: it has `pg_current_xact_id` (<https://www.postgresql.org/docs/13/release-13.html>).
pub const MINIMUM_SERVER_VERSION: u32 = 13;

/// Why a database was not opened. Each message says what to do; none holds a password.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The URL does not read.
    #[error("the database URL does not read: write postgres://user:password@host:5432/database")]
    Url {
        /// What is wrong with it.
        #[source]
        source: Source,
    },
    /// Nobody answers there.
    #[error("no PostgreSQL answers at {server}: start it, or correct host and port")]
    Unreachable {
        /// Host, port and database.
        server: String,
        /// What the network says.
        #[source]
        source: Source,
    },
    /// The server does not let this user in.
    #[error("{server} refuses the user or the password: correct them, or see the server's pg_hba.conf")]
    Credentials {
        /// Host, port and database.
        server: String,
        /// What the server says.
        #[source]
        source: Source,
    },
    /// The server has no such database.
    #[error("{server} is not there: create the database, or name another")]
    NoDatabase {
        /// Host, port and database.
        server: String,
    },
    /// The server is too old.
    #[error(
        "{server} runs PostgreSQL {version}, and {MINIMUM_SERVER_VERSION} is the oldest that will do: upgrade it"
    )]
    TooOld {
        /// Host, port and database.
        server: String,
        /// Its version.
        version: String,
    },
    /// The user may not use or create the schema, or not create tables in it.
    #[error(
        "the user may not create tables in {server}: run GRANT CREATE ON {object} TO the user as its owner"
    )]
    Permission {
        /// Host, port and database.
        server: String,
        /// What the right is needed on: `SCHEMA public`.
        object: String,
    },
    /// TLS was asked for, and the server does not offer it.
    #[error(
        "{server} does not offer TLS, which sslmode asks for: switch TLS on there, or set sslmode=disable on a network you trust"
    )]
    NoTls {
        /// Host, port and database.
        server: String,
    },
    /// TLS failed, or the server's certificate is not to be believed.
    #[error(
        "no TLS connection to {server}: see that its certificate is for this host and signed by a known authority, or name that one with sslrootcert"
    )]
    Tls {
        /// Host, port and database.
        server: String,
        /// What is wrong.
        #[source]
        source: Source,
    },
    /// The database was migrated by a version of this software that this one does not know.
    #[error(
        "{server} is from a newer version (it has the migration {migration}): run that version, or restore a back-up made before it"
    )]
    Newer {
        /// Host, port and database.
        server: String,
        /// The first migration this version does not know.
        migration: String,
    },
    /// The database lacks migrations, and it was to be opened without a change.
    #[error("{server} is from an older version: run `portcullis migrate` first")]
    Outdated {
        /// Host, port and database.
        server: String,
    },
    /// A migration failed and was undone.
    #[error("{server} could not be migrated: see the cause, mend it, and try again")]
    Migration {
        /// Host, port and database.
        server: String,
        /// What the server says.
        #[source]
        source: Source,
    },
    /// Anything else.
    #[error("{server} cannot be opened")]
    Engine {
        /// Host, port and database.
        server: String,
        /// What the server says.
        #[source]
        source: Source,
    },
}

/// What the engine says of faults for which diesel hands out the text and not the code.
mod text {
    /// In English, as the server speaks unless told otherwise; in another language a deadlock is just not tried again.
    pub(super) const DEADLOCK: &str = "deadlock detected";
    /// How the log's own trigger begins.
    pub(super) const APPEND_ONLY: &str = "events are append-only";
    /// A NUL in a text, which trying again does not mend.
    pub(super) const NO_TEXT: &str = "invalid byte sequence for encoding";
    /// tokio-postgres, when TLS is required.
    pub(super) const NO_TLS: &str = "server does not support TLS";
}

/// Whether others were in the way, and trying again may find a turn.
pub(crate) fn is_contention(error: &EngineError) -> bool {
    match error {
        EngineError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => true,
        EngineError::DatabaseError(_, information) => information.message() == text::DEADLOCK,
        _ => false,
    }
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
            if [text::APPEND_ONLY, text::NO_TEXT]
                .iter()
                .any(|start| information.message().starts_with(start)) =>
        {
            StoreError::corrupt(error)
        }
        error if is_contention(error) => StoreError::Contention,
        _ => StoreError::unavailable(error),
    }
}

impl OpenError {
    /// The driver's error while it connected.
    pub(crate) fn from_connect(server: &str, error: tokio_postgres::Error) -> Self {
        let server = server.to_owned();
        match error.code() {
            Some(code) if *code == SqlState::INVALID_CATALOG_NAME => return Self::NoDatabase { server },
            Some(code)
                if *code == SqlState::INVALID_PASSWORD
                    || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION =>
            {
                return Self::Credentials { server, source: error.into() };
            }
            Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
                let object = "DATABASE and CONNECT on it".to_owned();
                return Self::Permission { server, object };
            }
            Some(_) => return Self::Engine { server, source: error.into() },
            None => {}
        }
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        if cause == text::NO_TLS {
            Self::NoTls { server }
        } else if error.to_string().contains("TLS") {
            Self::Tls { server, source: error.into() }
        } else if error.to_string().contains("authenticat") || error.to_string().contains("configuration") {
            // A password is missing, or of a kind that this user has none of.
            Self::Credentials { server, source: error.into() }
        } else {
            Self::Unreachable { server, source: error.into() }
        }
    }

    /// An engine's error while a database was opened.
    pub(crate) fn from_engine(server: &str, source: impl Into<Source>) -> Self {
        Self::Engine { server: server.to_owned(), source: source.into() }
    }
}
