//! Ports over the rows of `portcullis_sql`, and the statements that change them: one file a port.

use chrono::{DateTime, Utc};
use diesel::{QueryResult, RunQueryDsl, sql_query, sql_types::BigInt, sqlite::SqliteConnection};
use portcullis_domain::{commit::RowChange, port::StoreError};
use portcullis_sql::column::{Moment, stored_number, stored_time};

use crate::{Sqlite, error::engine};

mod access;
mod api_key;
mod checkpoint;
mod company;
mod credential;
mod feature;
mod feature_usage;
mod idempotency_key;
mod invitation;
mod login_attempt;
mod member;
mod one_time_code;
mod retention;
mod session;
mod signing_key;
mod stream;
mod subject_key;
mod user;
pub(crate) mod user_list;

/// How many rows one write prunes, lest commits wait for all of them.
const PRUNED_AT_ONCE: usize = 1_000;

pub(crate) use company::find as find_company;
pub(crate) use feature::find as find_feature;
pub(crate) use member::find as find_member;
pub(crate) use stream::find_state;
pub(crate) use subject_key::delete as shred;
pub(crate) use user::find as find_user;

/// Applies one row of a commit.
pub(crate) fn change(connection: &mut SqliteConnection, change: &RowChange) -> QueryResult<()> {
    match change {
        RowChange::PutUser(user) => user::put(connection, user),
        RowChange::DeleteUser(id) => user::delete(connection, *id),
        RowChange::PutCredential(credential) => credential::put(connection, credential),
        RowChange::DeleteCredential(user) => credential::delete(connection, *user),
        RowChange::PutSubjectKey(key) => subject_key::put(connection, key),
        RowChange::PutSession(session) => session::put(connection, session),
        RowChange::DeleteSession(id) => session::delete(connection, *id),
        RowChange::DeleteSessionsOf(user) => session::delete_of(connection, *user),
        RowChange::PutOneTimeCode(code) => one_time_code::put(connection, code),
        RowChange::DeleteOneTimeCodesOf(user, purpose) => {
            one_time_code::delete_of(connection, *user, *purpose)
        }
        RowChange::PutCompany(company) => company::put(connection, company),
        RowChange::PutMember(member) => member::put(connection, member),
        RowChange::DeleteMember(user) => member::delete(connection, *user),
        RowChange::PutInvitation(invitation) => invitation::put(connection, invitation),
        RowChange::DeleteInvitation(id) => invitation::delete(connection, *id),
        RowChange::DeleteInvitationsTo(email) => invitation::delete_to(connection, email),
        RowChange::PutLoginAttempt(attempt) => login_attempt::put(connection, attempt),
        RowChange::DeleteLoginAttemptsOf(user) => login_attempt::delete_of(connection, *user),
        RowChange::PutAccess(access) => access::put(connection, access),
        RowChange::DeleteAccessesTo(stream) => access::delete_to(connection, *stream),
        RowChange::PutStreamState(state) => stream::put_state(connection, state),
        RowChange::DeleteStreamState(stream) => stream::delete_state(connection, *stream),
        RowChange::PutSnapshot(snapshot) => stream::put_snapshot(connection, snapshot),
        RowChange::DeleteSnapshotsBelow(stream, version) => {
            stream::delete_snapshots(connection, *stream, *version)
        }
        RowChange::PutIdempotentRequest(request) => idempotency_key::put(connection, request),
        RowChange::DeleteIdempotentRequest(key, claimed_by) => {
            idempotency_key::delete(connection, *key, *claimed_by)
        }
        RowChange::PutApiKey(key) => api_key::put(connection, key),
        RowChange::TouchApiKey(key, at) => api_key::touch(connection, *key, *at),
        RowChange::DeleteApiKey(key) => api_key::delete(connection, *key),
        RowChange::DeleteApiKeysOf(owner) => api_key::delete_of(connection, *owner),
        RowChange::PutFeature(feature) => feature::put(connection, feature),
        RowChange::DeleteFeature(feature) => feature::delete(connection, *feature),
        RowChange::AddFeatureUsage(usage) => feature_usage::add(connection, usage),
        RowChange::DeleteFeatureUsagesOf(feature) => feature_usage::delete_of(connection, *feature),
    }
}

impl Sqlite {
    /// Runs a statement that deletes what is older than a time, by portions, each a write of its own, until one finds fewer; says how
    /// many it deleted in all.
    async fn prune_by(&self, statement: &'static str, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut pruned = 0;
        loop {
            let portion = sql_query(statement)
                .bind::<Moment, _>(stored_time(before))
                .bind::<BigInt, _>(stored_number(PRUNED_AT_ONCE));
            let deleted = self.write(move |connection| portion.execute(connection).map_err(engine)).await?;
            pruned += deleted as u64;
            if deleted < PRUNED_AT_ONCE {
                return Ok(pruned);
            }
        }
    }
}
