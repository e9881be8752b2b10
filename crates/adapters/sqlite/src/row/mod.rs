//! Rows that reads are served from: one file a port.

mod credential;
mod one_time_code;
mod session;
mod signing_key;
mod subject_key;
mod user;

use diesel::{QueryResult, sqlite::SqliteConnection};
use portcullis_domain::{commit::RowChange, id::SubjectId};

/// Applies one row of a commit.
pub(crate) fn change(connection: &mut SqliteConnection, change: &RowChange) -> QueryResult<()> {
    match change {
        RowChange::PutUser(user) => user::put(connection, user),
        RowChange::PutCredential(credential) => credential::put(connection, credential),
        RowChange::PutSubjectKey(key) => subject_key::put(connection, key),
        RowChange::PutSession(session) => session::put(connection, session),
        RowChange::DeleteSession(id) => session::delete(connection, *id),
        RowChange::DeleteSessionsOf(user) => session::delete_of(connection, *user),
        RowChange::PutOneTimeCode(code) => one_time_code::put(connection, code),
        RowChange::DeleteOneTimeCodesOf(user, purpose) => {
            one_time_code::delete_of(connection, *user, *purpose)
        }
    }
}

/// Destroys a subject's data key.
pub(crate) fn shred(connection: &mut SqliteConnection, subject: SubjectId) -> QueryResult<()> {
    subject_key::delete(connection, subject)
}
