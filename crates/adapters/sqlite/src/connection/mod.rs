//! Connections, and the threads that own them: one that writes and a few that read. SQLite works on the calling thread, so
//! work is sent to a thread that has a connection at hand; nothing of it ever blocks the asynchronous runtime.

mod queue;
mod reader;
mod writer;

use std::{fmt::Write, path::Path, time::Duration};

use diesel::{
    Connection, connection::SimpleConnection, prelude::*, sql_types::Text, sqlite::SqliteConnection,
};

pub(crate) use reader::Readers;
pub use writer::WriterStatistics;
pub(crate) use writer::{Abandoned, Traces, Writer, newest_position, rewrite};

use portcullis_domain::port::Source;

use crate::error::OpenError;

/// The write-ahead log is cut back to this size after a burst.
const LOG_SIZE_LIMIT: usize = 64 << 20;

#[derive(QueryableByName)]
struct JournalMode {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

/// What a reading connection may do to the files when it is the last to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Leave them as they are.
    Inspect,
    /// Write the log back into the database, and delete it.
    Query,
}

/// Opens a connection that can only read, whatever it is asked.
pub(crate) fn reading(
    path: &Path,
    access: Access,
    busy_timeout: Duration,
) -> Result<SqliteConnection, OpenError> {
    let failed = |error| OpenError::from_engine(path.to_owned(), error);
    let mode = match access {
        // Where there is no log the engine makes an empty one to read by, which only who may write deletes again.
        Access::Inspect if has_log(path) => "ro",
        Access::Inspect | Access::Query => "rw",
    };
    let mut connection = establish(path, mode)?;
    connection.batch_execute(&busy_timeout_pragma(busy_timeout)).map_err(failed)?;
    // Nothing is read from the file before the first query.
    connection.batch_execute("PRAGMA query_only = ON; PRAGMA schema_version").map_err(failed)?;
    Ok(connection)
}

/// Opens a connection that writes. The file must be there.
pub(crate) fn writing(path: &Path, busy_timeout: Duration) -> Result<SqliteConnection, OpenError> {
    let failed = |error| OpenError::from_engine(path.to_owned(), error);
    let mut connection = establish(path, "rw")?;
    connection.batch_execute(&busy_timeout_pragma(busy_timeout)).map_err(failed)?;
    let mode: JournalMode =
        diesel::sql_query("PRAGMA journal_mode = WAL").get_result(&mut connection).map_err(failed)?;
    if mode.journal_mode != "wal" {
        return Err(OpenError::NoWriteAheadLog { path: path.to_owned() });
    }
    connection
        .batch_execute(&format!(
            "PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             PRAGMA secure_delete = ON;
             PRAGMA journal_size_limit = {LOG_SIZE_LIMIT};"
        ))
        .map_err(failed)?;
    Ok(connection)
}

pub(crate) fn busy_timeout_pragma(busy_timeout: Duration) -> String {
    format!("PRAGMA busy_timeout = {}", busy_timeout.as_millis())
}

fn establish(path: &Path, mode: &str) -> Result<SqliteConnection, OpenError> {
    let uri = format!("{}?mode={mode}", file_uri(path));
    SqliteConnection::establish(&uri).map_err(|error| {
        let source: Source = match error {
            // Without diesel's own words around the engine's.
            ConnectionError::BadConnection(message) => message.into(),
            error => error.into(),
        };
        OpenError::from_engine(path.to_owned(), source)
    })
}

fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

/// A path as a URI (<https://www.sqlite.org/uri.html>), whatever characters are in it.
fn file_uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                uri.push(char::from(*byte));
            }
            byte => write!(uri, "%{byte:02X}").expect("a string takes any text"),
        }
    }
    uri
}
