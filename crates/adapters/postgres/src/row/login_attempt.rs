use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into, sql},
    prelude::*,
    sql_query,
    sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    id::{LoginAttemptId, UserId},
    port::{LoginHistory, StoreError},
    session::LoginAttempt,
};
use portcullis_sql::{
    column::{Id, Moment, stored_id, stored_number},
    row::LoginAttemptRow,
    schema::login_attempts,
};
use uuid::Uuid;

use super::prune;
use crate::{
    Postgres,
    column::column,
    detached,
    error::engine,
    statement::{Cached, Sent},
};

/// Of the attempts those whose account is there. An account that is being erased is waited for, and gone then: its lines are
/// deleted under a lock that this waits for (`lock_user`), so that none slips in behind. What was recorded before stays as it is,
/// for a writer that was cut off before it heard the answer.
const RECORD: &str = "
    INSERT INTO login_attempts (id, user_id, at, ip_address, user_agent, failure)
    SELECT attempt.*
    FROM unnest($1, $2, $3, $4, $5, $6) AS attempt (id, user_id, at, ip_address, user_agent, failure)
    JOIN users ON users.id = attempt.user_id
    ORDER BY users.id
    FOR KEY SHARE OF users
    ON CONFLICT DO NOTHING";

#[derive(QueryableByName)]
struct Dropped {
    #[diesel(sql_type = Nullable<BigInt>)]
    lines: Option<i64>,
}

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, attempt: &LoginAttempt) -> Sent<'c> {
    Cached(insert_into(login_attempts::table).values(LoginAttemptRow::from(attempt))).step(connection)
}

/// Comes before `delete_of`, as a statement of its own: what was recorded until the lock was there is seen by the next.
pub(super) fn lock_user(connection: &AsyncPgConnection, user: UserId) -> Sent<'_> {
    let statement = sql_query("SELECT FROM users WHERE id = $1 FOR UPDATE");
    Cached(statement.bind::<SqlUuid, _>(Uuid::from(user))).step(connection)
}

pub(super) fn delete_of(connection: &AsyncPgConnection, user: UserId) -> Sent<'_> {
    let of_user = login_attempts::user_id.eq(stored_id(user));
    Cached(delete_from(login_attempts::table.filter(of_user))).step(connection)
}

#[async_trait]
impl LoginHistory for Postgres {
    async fn record(&self, attempts: Vec<LoginAttempt>) -> Result<(), StoreError> {
        if attempts.is_empty() {
            return Ok(());
        }
        let times: Vec<_> = attempts.iter().map(|attempt| attempt.at).collect();
        let rows: Vec<_> = attempts.iter().map(LoginAttemptRow::from).collect();
        let mut connection = self.connection().await?;
        let upkeep = self.upkeep.clone();
        detached(async move {
            let statement = sql_query(RECORD)
                .bind::<Array<Id>, _>(column(&rows, |row| row.id.clone()))
                .bind::<Array<Id>, _>(column(&rows, |row| row.user_id.clone()))
                .bind::<Array<Moment>, _>(column(&rows, |row| row.at))
                .bind::<Array<Nullable<Text>>, _>(column(&rows, |row| row.ip_address.clone()))
                .bind::<Array<Nullable<Text>>, _>(column(&rows, |row| row.user_agent.clone()))
                .bind::<Array<Nullable<Text>>, _>(column(&rows, |row| row.failure.clone()));
            Cached(statement).execute(&mut connection).await.map_err(engine)?;
            upkeep.attempted(&times);
            Ok(())
        })
        .await
    }

    async fn list_by_user(
        &self,
        user: UserId,
        after: Option<LoginAttemptId>,
        limit: usize,
    ) -> Result<Vec<LoginAttempt>, StoreError> {
        let query = login_attempts::table
            .filter(login_attempts::user_id.eq(stored_id(user)))
            .order((login_attempts::at.desc(), login_attempts::id.desc()))
            .limit(stored_number(limit))
            .select(LoginAttemptRow::as_select());
        let mut connection = self.connection().await?;
        let rows: Vec<LoginAttemptRow> = match after {
            Some(after) => {
                // As one comparison of pairs, which the index answers.
                let beyond = sql::<Bool>("(at, id) < ((SELECT at FROM login_attempts WHERE user_id = ")
                    .bind::<SqlUuid, _>(Uuid::from(user))
                    .sql(" AND id = ")
                    .bind::<SqlUuid, _>(Uuid::from(after))
                    .sql("), ")
                    .bind::<SqlUuid, _>(Uuid::from(after))
                    .sql(")");
                Cached(query.filter(beyond)).load(&mut connection).await
            }
            None => query.load(&mut connection).await,
        }
        .map_err(engine)?;
        rows.into_iter().map(LoginAttempt::try_from).collect()
    }

    /// Months that are old as a whole are dropped, each in a moment; of the others lines are deleted. Where others are in the way of
    /// dropping, a month's lines are deleted too, and the next call drops what is left of it.
    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut connection = self.connection().await?;
        detached(async move {
            let mut pruned = 0;
            loop {
                let statement = sql_query("SELECT drop_login_attempts_partition($1) AS lines");
                let dropped: QueryResult<Dropped> =
                    statement.bind::<Timestamptz, _>(before).get_result(&mut connection).await;
                match dropped {
                    Ok(Dropped { lines: Some(lines) }) => pruned += lines.unsigned_abs(),
                    Ok(Dropped { lines: None }) => break,
                    Err(error) => {
                        tracing::warn!(%error, "a month of the login history is deleted line by line");
                        break;
                    }
                }
            }
            Ok(pruned + prune(&mut connection, "login_attempts", "at", before).await?)
        })
        .await
    }
}
