use async_trait::async_trait;
use diesel::{
    dsl::{insert_into, update},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::port::{FeedCursor, StoreError, Subscriptions};

use crate::{
    Sqlite,
    column::{RowName, stored_number},
    error::engine,
    schema::subscriptions,
    statement::Cached,
};

#[async_trait]
impl Subscriptions for Sqlite {
    async fn cursor(&self, name: &str) -> Result<FeedCursor, StoreError> {
        let key = name.to_owned();
        let columns = (subscriptions::transaction_id, subscriptions::position);
        self.read(move |connection| {
            let row = subscriptions::table.find(&key).select(columns).first::<(i64, i64)>(connection);
            let Some((transaction, position)) = row.optional().map_err(engine)? else {
                return Ok(FeedCursor::START);
            };
            let name = RowName::new("subscriptions", format!("name {key:?}"));
            Ok(FeedCursor {
                transaction: name.count("transaction_id", transaction)?,
                position: name.count("position", position)?,
            })
        })
        .await
    }

    async fn advance(&self, name: &str, cursor: FeedCursor) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |connection| advance(connection, &name, cursor).map_err(engine)).await
    }
}

/// Two steps inside one transaction: makes the row where there is none, and moves one that stands before the cursor.
fn advance(connection: &mut SqliteConnection, name: &str, cursor: FeedCursor) -> QueryResult<()> {
    let transaction = stored_number(cursor.transaction);
    let position = stored_number(cursor.position);
    let moved = (subscriptions::transaction_id.eq(transaction), subscriptions::position.eq(position));
    insert_into(subscriptions::table)
        .values((subscriptions::name.eq(name), moved))
        .on_conflict_do_nothing()
        .execute(connection)?;
    let earlier_transaction = subscriptions::transaction_id.lt(transaction);
    let earlier_position = subscriptions::position.lt(position);
    let is_behind =
        earlier_transaction.or(subscriptions::transaction_id.eq(transaction).and(earlier_position));
    Cached(update(subscriptions::table.find(name)).filter(is_behind).set(moved)).run(connection)
}
