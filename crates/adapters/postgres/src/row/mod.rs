//! Ports over the rows of `portcullis_sql`, and the statements that change them: one file a port.

use chrono::{DateTime, Utc};
use diesel::{sql_query, sql_types::Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{commit::RowChange, port::StoreError};

use crate::{
    Postgres, detached,
    error::engine,
    statement::{Cached, Sent},
};

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

pub(crate) use company::find_all as find_companies;
pub(crate) use feature::find_all as find_features;
pub(crate) use member::find_all as find_members;
pub(crate) use stream::find_states;
pub(crate) use subject_key::delete as shred;
pub(crate) use user::find_all as find_users;

/// Rows of a commit, as steps of it in their order.
pub(crate) fn changes<'c>(connection: &'c AsyncPgConnection, rows: &[RowChange], steps: &mut Vec<Sent<'c>>) {
    for change in rows {
        if let RowChange::DeleteLoginAttemptsOf(user) = change {
            steps.push(login_attempt::lock_user(connection, *user));
        }
        steps.push(self::change(connection, change));
    }
}

fn change<'c>(connection: &'c AsyncPgConnection, change: &RowChange) -> Sent<'c> {
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

/// Deletes what has an earlier time in a column from a table, some thousands at a time: readers of the feed wait for a transaction
/// that writes, so none may be long.
async fn prune(
    connection: &mut AsyncPgConnection,
    table: &'static str,
    column: &'static str,
    before: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let statement = format!(
        "DELETE FROM {table} WHERE {column} < $1 AND {column} <= coalesce(
             (SELECT {column} FROM {table} WHERE {column} < $1 ORDER BY {column} OFFSET 4999 LIMIT 1), $1)"
    );
    let mut pruned = 0;
    loop {
        let some = Cached(sql_query(&statement).bind::<Timestamptz, _>(before)).execute(connection).await;
        match some.map_err(engine)? {
            0 => return Ok(pruned),
            count => pruned += count as u64,
        }
    }
}

/// As [`prune`], of what has run out.
async fn prune_expired(
    postgres: &Postgres,
    table: &'static str,
    before: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let mut connection = postgres.connection().await?;
    detached(async move { prune(&mut connection, table, "expires_at", before).await }).await
}
