//! Rows that reads are served from: one file a port.

mod credential;
mod one_time_code;
mod session;
mod signing_key;
mod subject_key;
mod user;

use diesel_async::AsyncPgConnection;
use portcullis_domain::{commit::RowChange, id::SubjectId};

use crate::statement::Sent;

/// One row of a commit, as a step of it.
pub(crate) fn change<'c>(connection: &'c AsyncPgConnection, change: &RowChange) -> Sent<'c> {
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

/// Destroys subjects' data keys.
pub(crate) fn shred<'c>(connection: &'c AsyncPgConnection, subjects: &[SubjectId]) -> Sent<'c> {
    subject_key::delete(connection, subjects)
}
