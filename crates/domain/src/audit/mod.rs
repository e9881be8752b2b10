//! Checks that nobody has changed the log: every stream's hash chain from its first event to its head.

mod access;

use std::collections::HashMap;

use thiserror::Error;

pub use access::{Access, Accessed};

use crate::{
    event::{Event, EventHash, StreamKind, Version},
    id::{EventId, StreamId},
    port::{EventStore, FeedCursor, FeedItem, StoreError, StreamHead},
};

const PAGE: usize = 1_000;

/// What an intact log held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Events checked.
    pub events: u64,
    /// Streams checked.
    pub streams: u64,
}

/// The log does not add up, or could not be read.
#[derive(Debug, Error)]
pub enum AuditError {
    /// Somebody changed it; the first bad event in the log's order.
    #[error("{0}")]
    Broken(Finding),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The first thing that does not add up.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("stream {stream}, version {version}{}: {reason}", .event.map(|id| format!(", event {id}")).unwrap_or_default())]
pub struct Finding {
    /// On which stream.
    pub stream: StreamId,
    /// At which version.
    pub version: Version,
    /// Which event, where it is still there.
    pub event: Option<EventId>,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// Its hash is not the hash of its fields.
    #[error("the event was changed since it was written")]
    Changed,
    /// Its version does not follow the version before it.
    #[error("an event before it is missing or was moved")]
    Gap,
    /// It is not chained to the event before it.
    #[error("it does not follow the event before it")]
    Unchained,
    /// Its position does not lie after the event before it.
    #[error("it was moved in the log")]
    Moved,
    /// The stream's head says that there is more, or other, than there is.
    #[error("the stream's head does not match its newest event: the tail was cut or the head was changed")]
    Head,
    /// Events of a stream that has no head.
    #[error("the stream has events but no head")]
    NoHead,
}

/// The audit's state while it walks the log.
#[derive(Debug, Default)]
pub struct Auditor {
    streams: HashMap<StreamId, Tail>,
    events: u64,
}

/// The newest event of a stream that was checked.
#[derive(Clone, Copy, Debug)]
struct Tail {
    version: Version,
    hash: EventHash,
    position: u64,
    kind: Option<StreamKind>,
}

impl Tail {
    const EMPTY: Self = Self { version: 0, hash: EventHash::GENESIS, position: 0, kind: None };
}

impl Auditor {
    /// Checks the next event of the feed.
    pub fn check(&mut self, event: &Event) -> Result<(), Finding> {
        let tail = self.streams.entry(event.stream).or_insert(Tail::EMPTY);
        let reason = if event.computed_hash() != event.hash {
            Some(Reason::Changed)
        } else if event.version != tail.version + 1 {
            Some(Reason::Gap)
        } else if event.prev_hash != tail.hash {
            Some(Reason::Unchained)
        } else if event.position <= tail.position {
            Some(Reason::Moved)
        } else {
            None
        };
        if let Some(reason) = reason {
            let event_id = Some(event.event.id);
            return Err(Finding { stream: event.stream, version: event.version, event: event_id, reason });
        }
        let kind = Some(event.stream_kind);
        *tail = Tail { version: event.version, hash: event.hash, position: event.position, kind };
        self.events += 1;
        Ok(())
    }

    /// Whether the events checked so far end just where this head does.
    fn ends_at(&self, head: &StreamHead) -> bool {
        let tail = self.streams.get(&head.stream).unwrap_or(&Tail::EMPTY);
        (tail.version, tail.hash, tail.kind) == (head.version, head.hash, Some(head.kind))
    }

    /// Checks a head that was read after the events: it stands where they end, or somebody has written on since.
    fn check_head(&self, stream: StreamId, head: Option<&StreamHead>) -> Result<(), Finding> {
        let tail = self.streams.get(&stream).unwrap_or(&Tail::EMPTY);
        let finding = |version, reason| Err(Finding { stream, version, event: None, reason });
        match head {
            None => finding(1, Reason::NoHead),
            Some(head) if head.version < tail.version => finding(head.version, Reason::Head),
            Some(head) if head.version == tail.version && !self.ends_at(head) => {
                finding(head.version, Reason::Head)
            }
            Some(_) => Ok(()),
        }
    }
}

/// Checks the whole log: each event's hash, each stream's versions, and that no stream's tail was cut. Needs no key, and
/// writers may go on meanwhile.
pub async fn verify_log(store: &dyn EventStore) -> Result<AuditReport, AuditError> {
    // Heads first: whatever they say now must be in the log that is read after.
    let mut pending = all_heads(store).await?;
    let heads = pending.clone();
    let mut auditor = Auditor::default();
    let mut cursor = FeedCursor::START;
    loop {
        let items = store.read_feed(cursor, PAGE).await?;
        let Some(last) = items.last() else { break };
        cursor = last.cursor;
        for FeedItem { event, .. } in &items {
            auditor.check(event).map_err(AuditError::Broken)?;
            if pending.get(&event.stream).is_some_and(|head| auditor.ends_at(head)) {
                pending.remove(&event.stream);
            }
        }
    }
    if let Some(head) = pending.into_values().min_by_key(|head| head.stream) {
        return Err(AuditError::Broken(Finding {
            stream: head.stream,
            version: head.version,
            event: None,
            reason: Reason::Head,
        }));
    }
    // Streams begun or written on since the heads were read, and those whose head was taken away or set back.
    for stream in auditor.streams.keys() {
        if !heads.get(stream).is_some_and(|head| auditor.ends_at(head)) {
            let head = store.head(*stream).await?;
            auditor.check_head(*stream, head.as_ref()).map_err(AuditError::Broken)?;
        }
    }
    Ok(AuditReport { events: auditor.events, streams: auditor.streams.len() as u64 })
}

async fn all_heads(store: &dyn EventStore) -> Result<HashMap<StreamId, StreamHead>, StoreError> {
    let mut heads = HashMap::new();
    let mut after = None;
    loop {
        let page = store.list_heads(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(heads) };
        after = Some(last.stream);
        heads.extend(page.into_iter().map(|head| (head.stream, head)));
    }
}
