use async_trait::async_trait;
use diesel::{prelude::*, sqlite::SqliteConnection};
use portcullis_domain::{
    commit::{Commit, CommitError, Committed},
    event::{Event, Version},
    id::StreamId,
    port::{EventStore, FeedCursor, FeedItem, StoreError, StreamHead},
};
use portcullis_sql::{
    column::{stored_id, stored_number},
    row::{EventRow, HeadRow},
    schema::{events, streams},
};

use crate::{
    Sqlite, commit,
    connection::{Abandoned, Traces},
    error::engine,
};

#[async_trait]
impl EventStore for Sqlite {
    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        commit::check_shape(&commit)?;
        let traces = if commit.shred.is_empty() { Traces::Linger } else { Traces::Scrubbed };
        self.writer()?
            .write(traces, Abandoned::Done, move |connection| commit::apply(connection, commit))
            .await
    }

    async fn read_stream(
        &self,
        stream: StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let of_stream = events::stream_id.eq(stored_id(stream));
        self.read(move |connection| {
            let rows = events::table
                .filter(of_stream)
                .filter(events::version.gt(stored_number(after)))
                .order(events::version)
                .limit(stored_number(limit))
                .select(EventRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(Event::try_from).collect()
        })
        .await
    }

    async fn head(&self, stream: StreamId) -> Result<Option<StreamHead>, StoreError> {
        self.read(move |connection| find_head(connection, stream)).await
    }

    async fn list_heads(&self, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamHead>, StoreError> {
        // No bytes come before any bytes.
        let after = after.map(stored_id).unwrap_or_default();
        self.read(move |connection| {
            let rows = streams::table
                .filter(streams::stream_id.gt(after))
                .order(streams::stream_id)
                .limit(stored_number(limit))
                .select(HeadRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(StreamHead::try_from).collect()
        })
        .await
    }

    async fn read_feed(&self, after: FeedCursor, limit: usize) -> Result<Vec<FeedItem>, StoreError> {
        self.read(move |connection| {
            let rows = events::table
                .filter(events::position.gt(stored_number(after.position)))
                .order(events::position)
                .limit(stored_number(limit))
                .select(EventRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(|row| Ok(item(row.try_into()?))).collect()
        })
        .await
    }

    /// Hears of this process's commits only: whoever must also hear of another's (`portcullis admin create` beside a server)
    /// puts a deadline on the wait and reads then.
    async fn wait(&self, after: FeedCursor) -> Result<(), StoreError> {
        // A watch channel keeps its newest value, so a commit between the caller's read and this line is not missed.
        let mut newest = self.newest.clone();
        newest.wait_for(|position| *position > after.position).await.map_err(StoreError::unavailable)?;
        Ok(())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.read(|connection| {
            let any = streams::table.select(streams::version).first::<i64>(connection);
            any.optional().map(drop).map_err(engine)
        })
        .await
    }
}

/// A stream's head, as the connection sees it.
pub(crate) fn find_head(
    connection: &mut SqliteConnection,
    stream: StreamId,
) -> Result<Option<StreamHead>, StoreError> {
    let row = streams::table.find(stored_id(stream)).select(HeadRow::as_select()).first(connection);
    row.optional().map_err(engine)?.map(StreamHead::try_from).transpose()
}

const fn item(event: Event) -> FeedItem {
    FeedItem { cursor: FeedCursor { transaction: 0, position: event.position }, event }
}
