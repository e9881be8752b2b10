use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::sql,
    prelude::*,
    sql_types::{BigInt, Bool},
};
use diesel_async::RunQueryDsl;
use portcullis_domain::{
    commit::{Commit, CommitError, Committed},
    event::{Actor, Event, EventData, EventType, NewEvent, StreamKind, Version},
    id::StreamId,
    port::{EventStore, FeedCursor, FeedItem, StoreError, StreamHead},
    seal::Sealed,
};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    Postgres,
    column::{RowName, stored_number},
    commit,
    error::engine,
    schema::{events, streams},
    statement::Cached,
};

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

#[derive(Queryable, Selectable)]
#[diesel(table_name = events, check_for_backend(diesel::pg::Pg))]
pub(crate) struct EventRow {
    position: i64,
    transaction_id: i64,
    id: Uuid,
    stream_id: Uuid,
    stream_kind: String,
    version: i64,
    event_type: String,
    schema_version: i64,
    actor_kind: String,
    actor_id: Option<Uuid>,
    data: String,
    personal: Option<Vec<u8>>,
    recorded_at: DateTime<Utc>,
    prev_hash: Vec<u8>,
    hash: Vec<u8>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = streams, check_for_backend(diesel::pg::Pg))]
pub(crate) struct HeadRow {
    stream_id: Uuid,
    kind: String,
    version: i64,
    hash: Vec<u8>,
}

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
            .filter(events::stream_id.eq(Uuid::from(stream)))
            .filter(events::version.gt(stored_number(after)))
            .order(events::version)
            .limit(stored_number(limit))
            .select(EventRow::as_select());
        let rows = query.load(&mut self.connection().await?).await.map_err(engine)?;
        rows.into_iter().map(Event::try_from).collect()
    }

    async fn head(&self, stream: StreamId) -> Result<Option<StreamHead>, StoreError> {
        let query = streams::table.find(Uuid::from(stream)).select(HeadRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(StreamHead::try_from).transpose()
    }

    async fn list_heads(&self, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamHead>, StoreError> {
        let query =
            streams::table.order(streams::stream_id).limit(stored_number(limit)).select(HeadRow::as_select());
        let mut connection = self.connection().await?;
        let rows: Vec<HeadRow> = match after {
            Some(after) => query.filter(streams::stream_id.gt(Uuid::from(after))).load(&mut connection).await,
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
        let seen = rows.last().map_or(0, |(row, _)| row.transaction_id);
        while rows.iter().any(|(row, is_settled)| !is_settled && row.transaction_id <= seen)
            && begun.elapsed() < SETTLING
        {
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(2 * pause);
            rows = self.read_rows(after, limit).await?;
        }
        rows.into_iter().take_while(|(_, is_settled)| *is_settled).map(|(row, _)| item(row)).collect()
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
    async fn read_rows(&self, after: FeedCursor, limit: usize) -> Result<Vec<(EventRow, bool)>, StoreError> {
        // As one comparison of pairs, which the index answers.
        let beyond = sql::<Bool>("(events.transaction_id, events.position) > (")
            .bind::<BigInt, _>(stored_number(after.transaction))
            .sql(", ")
            .bind::<BigInt, _>(stored_number(after.position))
            .sql(")");
        let query = events::table
            .filter(beyond)
            .order((events::transaction_id, events::position))
            .limit(stored_number(limit))
            .select((EventRow::as_select(), sql::<Bool>(IS_SETTLED)));
        Cached(query).load(&mut self.connection().await?).await.map_err(engine)
    }
}

fn item(row: EventRow) -> Result<FeedItem, StoreError> {
    let name = RowName::new("events", format!("position {}", row.position));
    let transaction = name.count("transaction_id", row.transaction_id)?;
    let event = Event::try_from(row)?;
    Ok(FeedItem { cursor: FeedCursor { transaction, position: event.position }, event })
}

impl TryFrom<EventRow> for Event {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let name = RowName::new("events", format!("position {}", row.position));
        let actor = Actor::from_stored(&row.actor_kind, row.actor_id).ok_or_else(|| {
            let id = if row.actor_id.is_some() { "an id" } else { "no id" };
            name.corrupt(format_args!("actor kind {:?} with {id} is unknown", row.actor_kind))
        })?;
        let stream_kind = StreamKind::from_stored(&row.stream_kind)
            .ok_or_else(|| name.corrupt(format_args!("stream kind {:?} is unknown", row.stream_kind)))?;
        Ok(Self {
            position: name.count("position", row.position)?,
            stream: row.stream_id.into(),
            stream_kind,
            version: name.count("version", row.version)?,
            event: NewEvent {
                id: row.id.into(),
                event_type: EventType::new(row.event_type),
                schema_version: name.count("schema_version", row.schema_version)?,
                actor,
                data: EventData::from_stored(row.data),
                personal: row.personal.map(Sealed::new),
                recorded_at: row.recorded_at,
            },
            prev_hash: name.hash("prev_hash", &row.prev_hash)?,
            hash: name.hash("hash", &row.hash)?,
        })
    }
}

impl TryFrom<HeadRow> for StreamHead {
    type Error = StoreError;

    fn try_from(row: HeadRow) -> Result<Self, StoreError> {
        let name = RowName::new("streams", format!("id {}", row.stream_id));
        Ok(Self {
            stream: row.stream_id.into(),
            kind: StreamKind::from_stored(&row.kind)
                .ok_or_else(|| name.corrupt(format_args!("kind {:?} is unknown", row.kind)))?,
            version: name.count("version", row.version)?,
            hash: name.hash("hash", &row.hash)?,
        })
    }
}
