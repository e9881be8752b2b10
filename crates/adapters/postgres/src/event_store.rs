use std::time::{Duration, Instant};

use async_trait::async_trait;
use diesel::{
    dsl::sql,
    expression::SqlLiteral,
    prelude::*,
    sql_types::{BigInt, Bool},
};
use diesel_async::RunQueryDsl;
use portcullis_domain::{
    commit::{Commit, CommitError, Committed},
    event::{Event, Version},
    id::StreamId,
    port::{EventStore, FeedCursor, FeedItem, StoreError, StreamHead},
};
use portcullis_sql::{
    column::{RowName, stored_id, stored_number},
    row::{EventRow, HeadRow},
    schema::{events, streams},
};
use tokio::time::sleep;

use crate::{Postgres, commit, error::engine, statement::Cached};

/// How long a reader of the feed waits for transactions that began before what it has seen.
const SETTLING: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// Whether every transaction that may have events before this one has ended, so that nothing can still appear in front of it: all
/// before the oldest that runs, as this statement's snapshot knows it. Transactions of the server's other databases do not count:
/// they run where these events are not. One that cannot be told apart (a prepared one, say) counts.
const IS_SETTLED: &str = "events.transaction_id < (
    SELECT coalesce(min(running.id::text::bigint), pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
    FROM pg_snapshot_xip(pg_current_snapshot()) AS running (id)
    WHERE NOT EXISTS (
        SELECT FROM pg_stat_activity AS session
        WHERE session.backend_xid = running.id::xid AND session.datname <> current_database()))";

#[async_trait]
impl EventStore for Postgres {
    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        commit::check_shape(&commit)?;
        let (committed, cursor) = self.apply(commit).await?;
        self.newest.committed(cursor);
        Ok(committed)
    }

    async fn read_stream(
        &self,
        stream: StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let query = events::table
            .filter(events::stream_id.eq(stored_id(stream)))
            .filter(events::version.gt(stored_number(after)))
            .order(events::version)
            .limit(stored_number(limit))
            .select(EventRow::as_select());
        let rows = query.load(&mut self.connection().await?).await.map_err(engine)?;
        rows.into_iter().map(Event::try_from).collect()
    }

    async fn head(&self, stream: StreamId) -> Result<Option<StreamHead>, StoreError> {
        let query = streams::table.find(stored_id(stream)).select(HeadRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(StreamHead::try_from).transpose()
    }

    async fn list_heads(&self, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamHead>, StoreError> {
        let query =
            streams::table.order(streams::stream_id).limit(stored_number(limit)).select(HeadRow::as_select());
        let mut connection = self.connection().await?;
        let rows: Vec<HeadRow> = match after {
            Some(after) => query.filter(streams::stream_id.gt(stored_id(after))).load(&mut connection).await,
            None => query.load(&mut connection).await,
        }
        .map_err(engine)?;
        rows.into_iter().map(StreamHead::try_from).collect()
    }

    /// An event is given once every transaction that began before it has ended, or a later one could appear in front of it. Where
    /// one still runs, this waits for it, a second at most: then the feed ends before what is not settled, for now.
    async fn read_feed(&self, after: FeedCursor, limit: usize) -> Result<Vec<FeedItem>, StoreError> {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut rows = self.read_rows(after, limit).await?;
        // What was there at the first look; what comes later is for the next reader.
        let seen = rows.last().map_or(0, |(_, transaction_id, _)| *transaction_id);
        while rows.iter().any(|(_, transaction_id, is_settled)| !is_settled && *transaction_id <= seen)
            && begun.elapsed() < SETTLING
        {
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(2 * pause);
            rows = self.read_rows(after, limit).await?;
        }
        let settled = rows.into_iter().take_while(|(_, _, is_settled)| *is_settled);
        settled.map(|(row, transaction_id, _)| item(row, transaction_id)).collect()
    }

    /// Hears of other processes' commits too, within milliseconds; whoever must not miss one that was made while this process was
    /// cut off from the server puts a deadline on the wait and reads then.
    async fn wait(&self, after: FeedCursor) -> Result<(), StoreError> {
        if self.listener.is_none() {
            return Err(StoreError::unavailable("the database was opened for reading alone"));
        }
        let mut closed = self.closed.subscribe();
        tokio::select! {
            () = self.newest.beyond(after) => Ok(()),
            _ = closed.wait_for(|is_closed| *is_closed) => Err(StoreError::unavailable("the store was closed")),
        }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let any = streams::table.select(streams::version);
        let any = any.first::<i64>(&mut self.connection().await?).await;
        any.optional().map(drop).map_err(engine)
    }
}

impl Postgres {
    async fn read_rows(
        &self,
        after: FeedCursor,
        limit: usize,
    ) -> Result<Vec<(EventRow, i64, bool)>, StoreError> {
        // As one comparison of pairs, which the index answers.
        let beyond = sql::<Bool>("(events.transaction_id, events.position) > (")
            .bind::<BigInt, _>(stored_number(after.transaction))
            .sql(", ")
            .bind::<BigInt, _>(stored_number(after.position))
            .sql(")");
        let query = events::table
            .filter(beyond)
            .order((transaction_id(), events::position))
            .limit(stored_number(limit))
            .select((EventRow::as_select(), transaction_id(), sql::<Bool>(IS_SETTLED)));
        Cached(query).load(&mut self.connection().await?).await.map_err(engine)
    }
}

/// The column that is this store's alone: other engines give numbers in the order in which commits end.
pub(crate) fn transaction_id() -> SqlLiteral<BigInt> {
    sql("events.transaction_id")
}

fn item(row: EventRow, transaction_id: i64) -> Result<FeedItem, StoreError> {
    let name = RowName::new("events", format!("position {}", row.position));
    let transaction = name.count("transaction_id", transaction_id)?;
    let event = Event::try_from(row)?;
    Ok(FeedItem { cursor: FeedCursor { transaction, position: event.position }, event })
}
