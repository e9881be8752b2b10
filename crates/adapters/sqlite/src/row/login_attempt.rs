use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    id::{LoginAttemptId, UserId},
    port::{LoginHistory, StoreError},
    session::LoginAttempt,
};
use portcullis_sql::{
    column::{StoredTime, stored_id, stored_number},
    row::LoginAttemptRow,
    schema::{login_attempts, users},
};

use crate::{
    Sqlite,
    connection::{Abandoned, Traces},
    error::engine,
    statement::Cached,
};

/// The engine deletes by a limit only in a query within.
const OLD: &str =
    "DELETE FROM login_attempts WHERE id IN (SELECT id FROM login_attempts WHERE at < ? LIMIT ?)";

pub(super) fn put(connection: &mut SqliteConnection, attempt: &LoginAttempt) -> QueryResult<()> {
    let row = LoginAttemptRow::from(attempt);
    let statement =
        insert_into(login_attempts::table).values(&row).on_conflict(login_attempts::id).do_update().set(&row);
    Cached(statement).run(connection)
}

pub(super) fn delete_of(connection: &mut SqliteConnection, user: UserId) -> QueryResult<()> {
    let statement = delete_from(login_attempts::table.filter(login_attempts::user_id.eq(stored_id(user))));
    Cached(statement).run(connection)
}

#[async_trait]
impl LoginHistory for Sqlite {
    async fn record(&self, attempts: Vec<LoginAttempt>) -> Result<(), StoreError> {
        let record = move |connection: &mut SqliteConnection| {
            for attempt in &attempts {
                let account = users::table.find(stored_id(attempt.user)).select(users::version);
                if account.first::<i64>(connection).optional().map_err(engine)?.is_some() {
                    put(connection, attempt).map_err(engine)?;
                }
            }
            Ok(())
        };
        // Whoever guesses passwords and hangs up does not escape the history.
        self.writer()?.write(Traces::Linger, Abandoned::Done, record).await
    }

    async fn list_by_user(
        &self,
        user: UserId,
        after: Option<LoginAttemptId>,
        limit: usize,
    ) -> Result<Vec<LoginAttempt>, StoreError> {
        let of_user = login_attempts::user_id.eq(stored_id(user));
        self.read(move |connection| {
            let mut page = login_attempts::table.filter(of_user.clone()).into_boxed();
            if let Some(after) = after.map(stored_id) {
                let place = login_attempts::table.find(&after).filter(of_user).select(login_attempts::at);
                let Some(at) = place.first::<StoredTime>(connection).optional().map_err(engine)? else {
                    return Ok(Vec::new());
                };
                // The first says what the index can use.
                page = page
                    .filter(login_attempts::at.le(at))
                    .filter(login_attempts::at.lt(at).or(login_attempts::id.lt(after)));
            }
            let rows = page
                .order((login_attempts::at.desc(), login_attempts::id.desc()))
                .limit(stored_number(limit))
                .select(LoginAttemptRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(LoginAttempt::try_from).collect()
        })
        .await
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.prune_by(OLD, before).await
    }
}
