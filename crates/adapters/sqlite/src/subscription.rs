use std::time::Duration;

use async_trait::async_trait;
use diesel::{
    dsl::{delete, insert_into, update},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    id::EventId,
    port::{DeadLetter, FeedCursor, StoreError, SubscriptionState, Subscriptions},
};
use portcullis_sql::{
    column::{RowName, StoredId, StoredTime, stored_id, stored_number, stored_time},
    row::DeadLetterRow,
    schema::{dead_letters, subscriptions},
};
use uuid::Uuid;

use crate::{Sqlite, error::engine, statement::Cached};

#[derive(Queryable, Selectable)]
#[diesel(table_name = subscriptions, check_for_backend(diesel::sqlite::Sqlite))]
struct SubscriptionRow {
    name: String,
    transaction_id: i64,
    position: i64,
    is_paused: bool,
    holder: Option<StoredId>,
    leased_until: StoredTime,
    last_error: Option<String>,
}

#[expect(clippy::disallowed_methods, reason = "a lease is by the store's own clock: this machine's")]
fn now() -> StoredTime {
    stored_time(chrono::Utc::now())
}

/// Makes the row where there is none yet.
fn know(connection: &mut SqliteConnection, name: &str) -> QueryResult<()> {
    let row = subscriptions::name.eq(name);
    insert_into(subscriptions::table).values(row).on_conflict_do_nothing().execute(connection).map(drop)
}

fn bury(connection: &mut SqliteConnection, row: &DeadLetterRow) -> QueryResult<()> {
    know(connection, &row.subscription)?;
    let key = (dead_letters::subscription, dead_letters::transaction_id, dead_letters::position);
    let statement = insert_into(dead_letters::table).values(row).on_conflict(key).do_update().set(row);
    Cached(statement).run(connection)
}

#[async_trait]
impl Subscriptions for Sqlite {
    async fn list(&self) -> Result<Vec<SubscriptionState>, StoreError> {
        self.read(|connection| {
            // One snapshot for both tables.
            let (rows, letters) = connection
                .transaction(|connection| {
                    let rows = subscriptions::table.order(subscriptions::name);
                    let rows = rows.select(SubscriptionRow::as_select()).load(connection)?;
                    let letters = dead_letters::table.group_by(dead_letters::subscription);
                    let counted = letters.select((dead_letters::subscription, diesel::dsl::count_star()));
                    Ok((rows, counted.load::<(String, i64)>(connection)?))
                })
                .map_err(engine)?;
            let now = now();
            let of = |name: &str| letters.iter().find(|(of, _)| of == name).map_or(0, |(_, count)| *count);
            rows.into_iter().map(|row| state(&row, of(&row.name), now)).collect()
        })
        .await
    }

    async fn lease(
        &self,
        name: &str,
        holder: Uuid,
        time_to_live: Duration,
    ) -> Result<Option<FeedCursor>, StoreError> {
        let name = name.to_owned();
        self.write(move |connection| {
            know(connection, &name).map_err(engine)?;
            let now = now();
            let holder = stored_id(holder);
            let until = StoredTime(now.0.saturating_add(stored_number(time_to_live.as_micros())));
            // Longer than any holder could have written now: the clock was set back since, and its holder may be long gone.
            let is_over = subscriptions::leased_until.le(now).or(subscriptions::leased_until.gt(until));
            let is_free = subscriptions::holder.is_null().or(is_over);
            let is_own = subscriptions::holder.eq(Some(holder.clone()));
            let leased = update(subscriptions::table.find(&name))
                .filter(subscriptions::is_paused.eq(false))
                // An absent holder makes the comparison unknown, and is free already.
                .filter(is_free.or(is_own.assume_not_null()))
                .set((subscriptions::holder.eq(Some(holder)), subscriptions::leased_until.eq(until)))
                .returning((subscriptions::transaction_id, subscriptions::position));
            let cursor = Cached(leased).get_result::<(i64, i64)>(connection).optional().map_err(engine)?;
            let name = RowName::new("subscriptions", format!("name {name:?}"));
            cursor.map(|(transaction_id, position)| name.cursor(transaction_id, position)).transpose()
        })
        .await
    }

    async fn release(&self, name: &str, holder: Uuid) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |connection| {
            let own = subscriptions::table.find(name).filter(subscriptions::holder.eq(stored_id(holder)));
            let statement = update(own).set(subscriptions::holder.eq(None::<StoredId>));
            Cached(statement).run(connection).map_err(engine)
        })
        .await
    }

    async fn advance(&self, name: &str, holder: Uuid, cursor: FeedCursor) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.write(move |connection| {
            let to = (stored_number(cursor.transaction), stored_number(cursor.position));
            let own = subscriptions::table
                .find(&name)
                .filter(subscriptions::holder.eq(stored_id(holder)))
                .filter(subscriptions::leased_until.gt(now()));
            let noted = update(own)
                .set(subscriptions::last_error.eq(None::<String>))
                .returning((subscriptions::transaction_id, subscriptions::position));
            let Some(stands) =
                Cached(noted).get_result::<(i64, i64)>(connection).optional().map_err(engine)?
            else {
                return Ok(false);
            };
            if stands < to {
                let moved = (subscriptions::transaction_id.eq(to.0), subscriptions::position.eq(to.1));
                Cached(update(subscriptions::table.find(&name)).set(moved))
                    .run(connection)
                    .map_err(engine)?;
            }
            Ok(true)
        })
        .await
    }

    async fn note_failure(&self, name: &str, error: &str) -> Result<(), StoreError> {
        let (name, error) = (name.to_owned(), error.to_owned());
        self.write(move |connection| {
            let statement = update(subscriptions::table.find(name)).set(subscriptions::last_error.eq(error));
            Cached(statement).run(connection).map_err(engine)
        })
        .await
    }

    async fn bury(&self, name: &str, letter: DeadLetter) -> Result<(), StoreError> {
        let row = DeadLetterRow {
            subscription: name.to_owned(),
            transaction_id: stored_number(letter.cursor.transaction),
            position: stored_number(letter.cursor.position),
            event_id: stored_id(letter.event),
            event_type: letter.event_type.as_str().to_owned(),
            error: letter.error,
        };
        self.write(move |connection| bury(connection, &row).map_err(engine)).await
    }

    async fn list_dead_letters(&self, name: &str, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        let name = name.to_owned();
        self.read(move |connection| {
            let rows = dead_letters::table
                .filter(dead_letters::subscription.eq(name))
                .order((dead_letters::transaction_id, dead_letters::position))
                .limit(stored_number(limit))
                .select(DeadLetterRow::as_select())
                .load(connection)
                .map_err(engine)?;
            rows.into_iter().map(DeadLetter::try_from).collect()
        })
        .await
    }

    async fn remove_dead_letter(&self, name: &str, event: EventId) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.write(move |connection| {
            let of = dead_letters::table.filter(dead_letters::subscription.eq(name));
            let removed = delete(of.filter(dead_letters::event_id.eq(stored_id(event)))).execute(connection);
            removed.map(|count| count > 0).map_err(engine)
        })
        .await
    }

    async fn pause(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |connection| {
            know(connection, &name).map_err(engine)?;
            let stopped = (subscriptions::is_paused.eq(true), subscriptions::holder.eq(None::<StoredId>));
            Cached(update(subscriptions::table.find(name)).set(stopped)).run(connection).map_err(engine)
        })
        .await
    }

    async fn resume(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |connection| {
            let statement = update(subscriptions::table.find(name)).set(subscriptions::is_paused.eq(false));
            Cached(statement).run(connection).map_err(engine)
        })
        .await
    }

    async fn rewind(&self, name: &str, cursor: FeedCursor) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |connection| {
            know(connection, &name).map_err(engine)?;
            let moved = (
                subscriptions::transaction_id.eq(stored_number(cursor.transaction)),
                subscriptions::position.eq(stored_number(cursor.position)),
                subscriptions::holder.eq(None::<StoredId>),
            );
            Cached(update(subscriptions::table.find(name)).set(moved)).run(connection).map_err(engine)
        })
        .await
    }
}

fn state(row: &SubscriptionRow, dead_letters: i64, now: StoredTime) -> Result<SubscriptionState, StoreError> {
    let name = RowName::new("subscriptions", format!("name {:?}", row.name));
    let holder = row.holder.as_ref().filter(|_| now < row.leased_until);
    Ok(SubscriptionState {
        name: row.name.clone(),
        cursor: name.cursor(row.transaction_id, row.position)?,
        is_paused: row.is_paused,
        holder: holder.map(|holder| name.id("holder", holder)).transpose()?,
        last_error: row.last_error.clone(),
        dead_letters: name.count("dead_letters", dead_letters)?,
    })
}
