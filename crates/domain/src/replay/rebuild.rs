use std::collections::HashMap;

use thiserror::Error;

use super::{Mark, TableComparison, Wanted};
use crate::{
    event::{Event, EventReadError, StreamKind},
    id::{EventId, StreamId, SubjectId},
    identity::Identity,
    port::{FeedCursor, FeedItem, Replays, Shadow, StoreError},
    seal::DataKey,
    user::UserEvent,
};

/// How many events are folded at once: what is kept of a log, however long it is.
const PAGE: usize = 500;

/// What becomes of the rows that were rebuilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// They take the place of those that are there.
    In,
    /// They are compared with them, and no more.
    Never,
}

/// How far a replay has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayProgress {
    /// Events folded by this run.
    pub folded: u64,
    /// Events that an earlier run had folded, which this one goes on from.
    pub resumed: bool,
    /// Nobody writes meanwhile: the end is near.
    pub is_locked: bool,
}

/// What a replay found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayReport {
    /// Events folded by this run.
    pub folded: u64,
    /// It went on where an earlier run had come to.
    pub resumed: bool,
    /// Each table, before the swap.
    pub tables: Vec<TableComparison>,
}

/// The rows were not rebuilt.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// An event does not read.
    #[error("event {0} does not read")]
    Event(EventId, #[source] EventReadError),
    /// Somebody who was not erased has no data key: without it their account would go with their row.
    #[error("the data key of stream {0} is lost, and nobody erased whom it is of")]
    KeyLost(StreamId),
    /// Events were moved into an archive, and what they say is not there to be folded.
    #[error("the log does not begin with its first event: older ones were archived")]
    Archived,
    /// Older transactions did not end, and the last events cannot be read before they have.
    #[error("a transaction that is older than the newest events does not end")]
    Unsettled,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How often older transactions are waited for while nobody may write; each time a store waits for a second.
const MOST_WAITS: u32 = 20;

impl ReplayReport {
    /// Whether everything was as the log says, to the byte.
    pub fn is_identical(&self) -> bool {
        self.tables.iter().all(TableComparison::is_identical)
    }
}

impl Identity {
    /// Rebuilds the derived rows and swaps them in, or only compares. Reads and writes go on meanwhile, but for the moment at the end
    /// in which nobody writes. What was begun and not finished is gone on with.
    pub async fn replay(
        &self,
        replays: &dyn Replays,
        swap: Swap,
        progress: &mut (dyn FnMut(ReplayProgress) + Send),
    ) -> Result<ReplayReport, ReplayError> {
        self.expect_whole_log().await?;
        let mut shadow = replays.open().await?;
        let mut mark = shadow.mark().await?;
        if !self.is_of_this_log(mark).await? {
            shadow.discard().await?;
            shadow = replays.open().await?;
            mark = Mark::START;
        }
        let mut state = ReplayProgress { folded: 0, resumed: mark != Mark::START, is_locked: false };
        while let Some(next) = self.fold_page(shadow.as_mut(), mark, &mut state.folded).await? {
            mark = next;
            progress(state);
        }
        let newest = shadow.lock().await?;
        state.is_locked = true;
        let mut waits = 0;
        while mark.cursor < newest {
            match self.fold_page(shadow.as_mut(), mark, &mut state.folded).await? {
                Some(next) => mark = next,
                None if waits == MOST_WAITS => return Err(ReplayError::Unsettled),
                None => waits += 1,
            }
            progress(state);
        }
        // Nor were they archived meanwhile.
        self.expect_whole_log().await?;
        let tables = shadow.compare().await?;
        match swap {
            Swap::In => shadow.swap().await?,
            Swap::Never => shadow.discard().await?,
        }
        Ok(ReplayReport { folded: state.folded, resumed: state.resumed, tables })
    }

    async fn expect_whole_log(&self) -> Result<(), ReplayError> {
        if self.ports().retention.horizon().await?.is_some() { Err(ReplayError::Archived) } else { Ok(()) }
    }

    /// Whether the last event that was folded is where it was.
    async fn is_of_this_log(&self, mark: Mark) -> Result<bool, StoreError> {
        if mark == Mark::START {
            return Ok(true);
        }
        let before = FeedCursor { position: mark.cursor.position.saturating_sub(1), ..mark.cursor };
        let found = self.ports().events.read_feed(before, 1).await?;
        Ok(found.first().is_some_and(|item| (item.cursor, item.event.hash) == (mark.cursor, mark.hash)))
    }

    /// Folds the next events; `None` where there are none.
    async fn fold_page(
        &self,
        shadow: &mut dyn Shadow,
        mark: Mark,
        folded: &mut u64,
    ) -> Result<Option<Mark>, ReplayError> {
        let items = self.ports().events.read_feed(mark.cursor, PAGE).await?;
        let Some(last) = items.last() else { return Ok(None) };
        let mark = Mark { cursor: last.cursor, hash: last.event.hash };
        let mut wanted = Wanted::default();
        for FeedItem { event, .. } in &items {
            wanted.add(event).map_err(|error| ReplayError::Event(event.event.id, error))?;
        }
        let mut rows = shadow.find(&wanted).await?;
        let mut keys = HashMap::new();
        for FeedItem { event, .. } in &items {
            let key = match event.stream_kind {
                StreamKind::User => self.key_in(&mut keys, event).await?,
                StreamKind::Company | StreamKind::Feature => None,
            };
            rows.apply(event, key.as_ref()).map_err(|error| ReplayError::Event(event.event.id, error))?;
        }
        shadow.write(&rows, mark).await?;
        *folded += items.len() as u64;
        Ok(Some(mark))
    }

    async fn key_in(
        &self,
        keys: &mut HashMap<StreamId, Option<DataKey>>,
        event: &Event,
    ) -> Result<Option<DataKey>, ReplayError> {
        let stream = event.stream;
        if let Some(key) = keys.get(&stream) {
            return Ok(key.clone());
        }
        let key = self.data_key(SubjectId::new(stream.into())).await?;
        if key.is_none() && event.version == 1 {
            self.expect_erased(stream).await?;
        }
        keys.insert(stream, key.clone());
        Ok(key)
    }

    /// An erasure destroys the key in the commit that says so, which is the last on its stream.
    async fn expect_erased(&self, stream: StreamId) -> Result<(), ReplayError> {
        let events = &self.ports().events;
        let newest = events.head(stream).await?.map_or(0, |head| head.version);
        let last = events.read_stream(stream, newest.saturating_sub(1), 1).await?;
        let is_erased =
            last.iter().any(|event| event.event.event_type.as_str() == UserEvent::Deleted.event_type());
        if is_erased { Ok(()) } else { Err(ReplayError::KeyLost(stream)) }
    }
}
