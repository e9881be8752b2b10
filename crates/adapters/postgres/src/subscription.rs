use std::time::Duration;

use async_trait::async_trait;
use diesel::{
    dsl::{delete, insert_into, update},
    prelude::*,
    sql_query,
    sql_types::{BigInt, Bool, Nullable, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use portcullis_domain::{
    id::EventId,
    port::{DeadLetter, FeedCursor, StoreError, SubscriptionState, Subscriptions},
};
use portcullis_sql::{
    column::{RowName, StoredId, stored_id, stored_number},
    row::DeadLetterRow,
    schema::{dead_letters, subscriptions},
};
use uuid::Uuid;

use crate::{Postgres, detached, error::engine, statement::Cached};

/// A lease for longer than a century is one of a century: the server's times have an end.
const LONGEST_LEASE: Duration = Duration::from_secs(36_525 * 24 * 60 * 60);

/// The row is made where there is none, and leased where it is free; by the server's clock, which all replicas share. A lease that
/// ends later than any that could be written now is free too: that clock was set back, and the holder may be long gone.
const LEASE: &str = "
    INSERT INTO subscriptions AS known (name, holder, leased_until)
    VALUES ($1, $2, clock_timestamp() + $3 * interval '1 microsecond')
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, leased_until = excluded.leased_until
    WHERE NOT known.is_paused
      AND (known.holder IS NULL OR known.holder = excluded.holder OR known.leased_until <= clock_timestamp()
           OR known.leased_until > clock_timestamp() + $3 * interval '1 microsecond')
    RETURNING transaction_id, position";

const ADVANCE: &str = "
    UPDATE subscriptions
    SET last_error = NULL,
        transaction_id = CASE WHEN (transaction_id, position) < ($3, $4) THEN $3 ELSE transaction_id END,
        position = CASE WHEN (transaction_id, position) < ($3, $4) THEN $4 ELSE position END
    WHERE name = $1 AND holder = $2 AND leased_until > clock_timestamp()";

const LIST: &str = "
    SELECT name, transaction_id, position, is_paused, last_error,
           CASE WHEN leased_until > clock_timestamp() THEN holder END AS holder,
           (SELECT count(*) FROM dead_letters WHERE subscription = name) AS dead_letters
    FROM subscriptions ORDER BY name";

const BURY: &str = "
    WITH known AS (INSERT INTO subscriptions (name) VALUES ($1) ON CONFLICT DO NOTHING)
    INSERT INTO dead_letters (subscription, transaction_id, position, event_id, type, error) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (subscription, transaction_id, position)
    DO UPDATE SET event_id = excluded.event_id, type = excluded.type, error = excluded.error";

#[derive(QueryableByName)]
struct SubscriptionRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    transaction_id: i64,
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = Bool)]
    is_paused: bool,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    holder: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    last_error: Option<String>,
    #[diesel(sql_type = BigInt)]
    dead_letters: i64,
}

#[derive(QueryableByName)]
struct CursorRow {
    #[diesel(sql_type = BigInt)]
    transaction_id: i64,
    #[diesel(sql_type = BigInt)]
    position: i64,
}

/// Runs one statement to its end and returns how many rows it touched. A macro, since each statement is a type of its own.
macro_rules! run {
    ($postgres:expr, $statement:expr) => {{
        let mut connection = $postgres.connection().await?;
        let statement = Cached($statement);
        detached(async move { statement.execute(&mut connection).await.map_err(engine) }).await
    }};
}

#[async_trait]
impl Subscriptions for Postgres {
    async fn list(&self) -> Result<Vec<SubscriptionState>, StoreError> {
        let rows: Vec<SubscriptionRow> =
            Cached(sql_query(LIST)).load(&mut self.connection().await?).await.map_err(engine)?;
        rows.into_iter().map(SubscriptionState::try_from).collect()
    }

    async fn lease(
        &self,
        name: &str,
        holder: Uuid,
        time_to_live: Duration,
    ) -> Result<Option<FeedCursor>, StoreError> {
        let owned = name.to_owned();
        let micros = stored_number(time_to_live.min(LONGEST_LEASE).as_micros());
        let mut connection = self.connection().await?;
        let leased = detached(async move {
            let statement = sql_query(LEASE).bind::<Text, _>(owned).bind::<SqlUuid, _>(holder);
            let rows = Cached(statement.bind::<BigInt, _>(micros)).load::<CursorRow>(&mut connection).await;
            rows.map_err(engine)
        })
        .await?;
        let name = RowName::new("subscriptions", format!("name {name:?}"));
        leased.into_iter().next().map(|row| name.cursor(row.transaction_id, row.position)).transpose()
    }

    async fn release(&self, name: &str, holder: Uuid) -> Result<(), StoreError> {
        let own =
            subscriptions::table.find(name.to_owned()).filter(subscriptions::holder.eq(stored_id(holder)));
        run!(self, update(own).set(subscriptions::holder.eq(None::<StoredId>))).map(drop)
    }

    async fn advance(&self, name: &str, holder: Uuid, cursor: FeedCursor) -> Result<bool, StoreError> {
        let statement = sql_query(ADVANCE)
            .bind::<Text, _>(name.to_owned())
            .bind::<SqlUuid, _>(holder)
            .bind::<BigInt, _>(stored_number(cursor.transaction))
            .bind::<BigInt, _>(stored_number(cursor.position));
        run!(self, statement).map(|count| count == 1)
    }

    async fn note_failure(&self, name: &str, error: &str) -> Result<(), StoreError> {
        let noted = subscriptions::last_error.eq(error.to_owned());
        run!(self, update(subscriptions::table.find(name.to_owned())).set(noted)).map(drop)
    }

    async fn bury(&self, name: &str, letter: DeadLetter) -> Result<(), StoreError> {
        let statement = sql_query(BURY)
            .bind::<Text, _>(name.to_owned())
            .bind::<BigInt, _>(stored_number(letter.cursor.transaction))
            .bind::<BigInt, _>(stored_number(letter.cursor.position))
            .bind::<SqlUuid, _>(Uuid::from(letter.event))
            .bind::<Text, _>(letter.event_type.as_str().to_owned())
            .bind::<Text, _>(letter.error);
        run!(self, statement).map(drop)
    }

    async fn list_dead_letters(&self, name: &str, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        let query = dead_letters::table
            .filter(dead_letters::subscription.eq(name.to_owned()))
            .order((dead_letters::transaction_id, dead_letters::position))
            .limit(stored_number(limit))
            .select(DeadLetterRow::as_select());
        let rows = query.load(&mut self.connection().await?).await.map_err(engine)?;
        rows.into_iter().map(DeadLetter::try_from).collect()
    }

    async fn remove_dead_letter(&self, name: &str, event: EventId) -> Result<bool, StoreError> {
        let of = dead_letters::table.filter(dead_letters::subscription.eq(name.to_owned()));
        let statement = delete(of.filter(dead_letters::event_id.eq(stored_id(event))));
        run!(self, statement).map(|count| count > 0)
    }

    async fn pause(&self, name: &str) -> Result<(), StoreError> {
        let stopped = (subscriptions::is_paused.eq(true), subscriptions::holder.eq(None::<StoredId>));
        let statement = insert_into(subscriptions::table)
            .values((subscriptions::name.eq(name.to_owned()), subscriptions::is_paused.eq(true)))
            .on_conflict(subscriptions::name)
            .do_update()
            .set(stopped);
        run!(self, statement).map(drop)
    }

    async fn resume(&self, name: &str) -> Result<(), StoreError> {
        let going = subscriptions::is_paused.eq(false);
        run!(self, update(subscriptions::table.find(name.to_owned())).set(going)).map(drop)
    }

    async fn rewind(&self, name: &str, cursor: FeedCursor) -> Result<(), StoreError> {
        let place = (
            subscriptions::transaction_id.eq(stored_number(cursor.transaction)),
            subscriptions::position.eq(stored_number(cursor.position)),
        );
        let statement = insert_into(subscriptions::table)
            .values((subscriptions::name.eq(name.to_owned()), place))
            .on_conflict(subscriptions::name)
            .do_update()
            .set((place, subscriptions::holder.eq(None::<StoredId>)));
        run!(self, statement).map(drop)
    }
}

impl TryFrom<SubscriptionRow> for SubscriptionState {
    type Error = StoreError;

    fn try_from(row: SubscriptionRow) -> Result<Self, StoreError> {
        let name = RowName::new("subscriptions", format!("name {:?}", row.name));
        Ok(Self {
            cursor: name.cursor(row.transaction_id, row.position)?,
            dead_letters: name.count("dead_letters", row.dead_letters)?,
            name: row.name,
            is_paused: row.is_paused,
            holder: row.holder,
            last_error: row.last_error,
        })
    }
}
