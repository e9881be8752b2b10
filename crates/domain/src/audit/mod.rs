//! Checks that nobody has changed the log: every stream's hash chain from its first event to its head, and what the notary's checkpoints say.

mod access;
pub mod document;
mod evidence;
mod export;
mod horizon;
mod witness;

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, Utc};
use thiserror::Error;

pub use access::{Access, Accessed};
pub use evidence::Evidence;
pub use export::{ExportError, export_log};
pub use witness::{Testimony, Witness};

use crate::{
    checkpoint::{CheckpointFinding, Leaf, SignedCheckpoint},
    event::{Event, EventHash, StreamKind, Version},
    id::{EventId, StreamId},
    port::{EventStore, FeedCursor, FeedItem, StoreError, StreamHead},
    retention::{BaseMark, Horizon, HorizonFault},
};

const PAGE: usize = 1_000;
/// How often the feed is asked once more for events that must come but are not settled yet. A store that waits for them does so for about a
/// second each time.
const UNSETTLED_READS: u32 = 30;

/// What an intact log held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Events that were moved into archives before these.
    pub archived: u64,
    /// Events checked.
    pub events: u64,
    /// Streams checked.
    pub streams: u64,
    /// Checkpoints that agree with them.
    pub checkpoints: u64,
    /// Events that a checkpoint covers.
    pub covered: u64,
    /// When the newest checkpoint was made.
    pub checked_until: Option<DateTime<Utc>>,
}

/// The log does not add up, or could not be read.
#[derive(Debug, Error)]
pub enum AuditError {
    /// Somebody changed it; the first bad event in the log's order.
    #[error("{0}")]
    Broken(Finding),
    /// Somebody changed a checkpoint.
    #[error(transparent)]
    Checkpoint(CheckpointFinding),
    /// Somebody changed what is kept in the place of archived events.
    #[error("the horizon, up to which the log is in archives, is not to be believed: {0}")]
    Horizon(#[from] HorizonFault),
    /// An event that should be in an archive alone.
    #[error(
        "stream {stream}, version {version}, event {event}: it belongs to an archive: either `portcullis audit archive` was interrupted, and finishes when it is run again, or the event was added"
    )]
    Archived {
        /// On which stream.
        stream: StreamId,
        /// At which version.
        version: Version,
        /// Which.
        event: EventId,
    },
    /// The end of the log is missing.
    #[error("{0}")]
    Cut(Cut),
    /// The newest events are whole, and have no place in the order of the log yet: nothing can be said of them before they have.
    #[error(
        "the newest events, of stream {stream} among others, have no settled place in the log yet: a transaction that began before they were written still runs on the database; let it end, and try again"
    )]
    Unsettled {
        /// One of the streams that they are of.
        stream: StreamId,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The end of the log is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "event number {}, {}: the end of the log was cut off: checkpoint {checkpoint} saw {missing} more",
    .present + 1,
    .after.map_or_else(|| "the first".to_owned(), |id| format!("after event {id}"))
)]
pub struct Cut {
    /// How many events there still are.
    pub present: u64,
    /// The last of them.
    pub after: Option<EventId>,
    /// How many more there were at least.
    pub missing: u64,
    /// Which checkpoint saw them.
    pub checkpoint: u64,
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
    /// The notary saw others between it and the one before it.
    #[error("{count} before it are missing that checkpoint {checkpoint} saw there")]
    Missing {
        /// How many.
        count: u64,
        /// Which checkpoint.
        checkpoint: u64,
    },
    /// The notary saw another one in its place.
    #[error("it is not what checkpoint {checkpoint} saw there: it was added, or put in the place of another")]
    Unseen {
        /// Which checkpoint.
        checkpoint: u64,
    },
}

impl Finding {
    /// What is wrong with an event.
    pub fn about(event: &Event, reason: Reason) -> Self {
        Self { stream: event.stream, version: event.version, event: Some(event.event.id), reason }
    }
}

/// The audit's state while it walks the log.
#[derive(Clone, Debug, Default)]
pub struct Auditor {
    streams: HashMap<StreamId, Tail>,
    events: u64,
    last: Option<EventId>,
    /// What a checkpoint says that comes next.
    expected: VecDeque<Leaf>,
    checkpoint: u64,
    covered: u64,
    archived: u64,
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
    /// A stream goes on from where its archived events end.
    pub fn begin_at(&mut self, base: &BaseMark) {
        let BaseMark { stream, kind, version, position, hash, .. } = *base;
        self.streams.insert(stream, Tail { version, hash, position, kind: Some(kind) });
    }

    /// The log goes on from where the archives end.
    pub fn begin_after(&mut self, horizon: &Horizon) {
        self.archived = horizon.tip.count;
    }

    /// As if everything on a stream before this event, which must be of that version, had been checked already.
    pub(crate) fn before(event: &Event, version: Version) -> Self {
        let tail = Tail {
            version: version.saturating_sub(1),
            hash: event.prev_hash,
            position: event.position.saturating_sub(1),
            kind: Some(event.stream_kind),
        };
        Self { streams: HashMap::from([(event.stream, tail)]), ..Self::default() }
    }

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
            return Err(Finding::about(event, reason));
        }
        let kind = Some(event.stream_kind);
        *tail = Tail { version: event.version, hash: event.hash, position: event.position, kind };
        self.events += 1;
        self.last = Some(event.event.id);
        Ok(())
    }

    /// Checks the next event of the feed, also against what the notary saw there.
    pub fn check_item(&mut self, item: &FeedItem) -> Result<(), Finding> {
        self.check(&item.event)?;
        let Some(seen) = self.expected.pop_front() else { return Ok(()) };
        self.covered += 1;
        let leaf = item.leaf();
        if leaf == seen {
            return Ok(());
        }
        let checkpoint = self.checkpoint;
        let later = self.expected.iter().zip(1..).find(|(expected, _)| **expected == leaf);
        let reason = match later {
            Some((_, count)) => Reason::Missing { count, checkpoint },
            None => Reason::Unseen { checkpoint },
        };
        Err(Finding::about(&item.event, reason))
    }

    /// What comes next is what this checkpoint covers, and the one before it does not.
    pub fn expect(&mut self, signed: &SignedCheckpoint) {
        self.expected.extend(&signed.leaves);
        self.checkpoint = signed.checkpoint.number;
    }

    /// Whether more events must come, because a checkpoint saw them.
    pub fn is_expecting(&self) -> bool {
        !self.expected.is_empty()
    }

    /// At the end of the log: that nothing is missing which a checkpoint saw.
    pub fn check_end(&self) -> Result<(), Cut> {
        match self.expected.len() as u64 {
            0 => Ok(()),
            missing => {
                let (present, after, checkpoint) = (self.events, self.last, self.checkpoint);
                Err(Cut { present, after, missing, checkpoint })
            }
        }
    }

    /// How many events were checked, on how many streams, and how many of them a checkpoint covers.
    pub fn report(&self) -> AuditReport {
        let (archived, streams) = (self.archived, self.streams.len() as u64);
        let (events, covered) = (self.events, self.covered);
        AuditReport { archived, events, streams, covered, ..AuditReport::default() }
    }

    /// Whether the events checked so far end just where this head does.
    fn ends_at(&self, head: &StreamHead) -> bool {
        let tail = self.streams.get(&head.stream).unwrap_or(&Tail::EMPTY);
        (tail.version, tail.hash, tail.kind) == (head.version, head.hash, Some(head.kind))
    }

    /// Why the feed ends before a head: it gives what is there later, because it is not settled, or what the head tells of is not there.
    async fn why_short_of(mut self, head: &StreamHead, store: &dyn EventStore) -> AuditError {
        let StreamHead { stream, version, .. } = *head;
        while !self.ends_at(head) {
            let after = self.streams.get(&stream).map_or(0, |tail| tail.version);
            let event = match store.read_stream(stream, after, 1).await {
                Ok(events) => events.into_iter().next(),
                Err(error) => return error.into(),
            };
            let Some(event) = event.filter(|event| event.version <= version) else {
                return AuditError::Broken(Finding { stream, version, event: None, reason: Reason::Head });
            };
            if let Err(finding) = self.check(&event) {
                return AuditError::Broken(finding);
            }
        }
        AuditError::Unsettled { stream }
    }

    /// Checks a head that was read after the events: it stands where they end, or somebody has written on since.
    pub(crate) fn check_head(&self, stream: StreamId, head: Option<&StreamHead>) -> Result<(), Finding> {
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

/// Checks the whole log: each event's hash, each stream's versions, that no stream's tail was cut, and that everything is as the evidence
/// says. Needs no key but for the signatures of checkpoints, and writers may go on meanwhile. Where events were moved into an archive, the log
/// is checked from there on.
pub async fn verify_log(store: &dyn EventStore, evidence: Evidence<'_>) -> Result<AuditReport, AuditError> {
    loop {
        let horizon = evidence.horizon().await?;
        let verdict = verify_from(horizon.as_ref(), store, evidence).await;
        // What was moved away meanwhile is not missing.
        if verdict.is_ok() || evidence.horizon().await? == horizon {
            return verdict;
        }
    }
}

async fn verify_from(
    horizon: Option<&Horizon>,
    store: &dyn EventStore,
    evidence: Evidence<'_>,
) -> Result<AuditReport, AuditError> {
    // Heads first: whatever they say now must be in the log that is read after.
    let mut pending = all_heads(store).await?;
    let heads = pending.clone();
    let mut auditor = Auditor::default();
    let mut cursor = FeedCursor::START;
    if let Some(horizon) = horizon {
        evidence.begin_after(horizon, store, &mut auditor).await?;
        cursor = horizon.tip.cursor;
    }
    pending.retain(|_, head| !auditor.ends_at(head));
    let mut evidence = evidence.walk(horizon);
    let mut rereads = UNSETTLED_READS;
    loop {
        // Before the events that it covers: whatever it saw must be there then.
        evidence.advance(&mut auditor).await?;
        let items = store.read_feed(cursor, PAGE).await?;
        let Some(last) = items.last() else {
            if pending.is_empty() || rereads == 0 {
                break;
            }
            rereads -= 1;
            continue;
        };
        cursor = last.cursor;
        for item in &items {
            evidence.advance(&mut auditor).await?;
            auditor.check_item(item).map_err(AuditError::Broken)?;
            if pending.get(&item.event.stream).is_some_and(|head| auditor.ends_at(head)) {
                pending.remove(&item.event.stream);
            }
        }
    }
    auditor.check_end().map_err(AuditError::Cut)?;
    if let Some(head) = pending.into_values().min_by_key(|head| head.stream) {
        return Err(auditor.why_short_of(&head, store).await);
    }
    // Streams begun or written on since the heads were read, and those whose head was taken away or set back.
    for stream in auditor.streams.keys() {
        if !heads.get(stream).is_some_and(|head| auditor.ends_at(head)) {
            let head = store.head(*stream).await?;
            auditor.check_head(*stream, head.as_ref()).map_err(AuditError::Broken)?;
        }
    }
    let (checkpoints, checked_until) = evidence.finish()?;
    Ok(AuditReport { checkpoints, checked_until, ..auditor.report() })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checkpoint::{Tally, Tip},
        testing::{PlainKeys, feed},
    };

    /// A checkpoint of so many events, and an auditor that goes by it.
    fn expecting(count: u64) -> Auditor {
        let mut tally = Tally::after(&Tip::START);
        for item in &feed(count) {
            tally.add(item).expect("whole");
        }
        let signed = tally.sign(&PlainKeys::new(1), DateTime::UNIX_EPOCH).expect("new events");
        let mut auditor = Auditor::default();
        auditor.expect(&signed);
        auditor
    }

    fn check(mut auditor: Auditor, items: &[FeedItem]) -> Result<Auditor, Finding> {
        items.iter().try_for_each(|item| auditor.check_item(item))?;
        Ok(auditor)
    }

    #[test]
    fn a_log_that_is_as_the_notary_saw_it_is_intact_and_may_go_on() {
        let auditor = check(expecting(9), &feed(12)).expect("intact");
        assert_eq!(auditor.check_end(), Ok(()));
        assert_eq!((auditor.report().events, auditor.report().covered), (12, 9));
    }

    #[test]
    fn the_end_of_the_log_cannot_be_cut_off() {
        let items = feed(9);
        let cut = check(expecting(9), &items[..7]).expect("intact so far").check_end().expect_err("cut");
        let after = Some(items[6].event.event.id);
        assert_eq!(cut, Cut { present: 7, after, missing: 2, checkpoint: 1 });
    }

    /// As whoever knows the program does it: with every chain computed anew.
    #[test]
    fn a_stream_that_was_chained_anew_is_found_at_the_event_that_differs() {
        let mut items = feed(9);
        let mut head = items[0].event.prev_hash;
        let stream = items[3].event.stream;
        for item in items.iter_mut().filter(|item| item.event.stream == stream) {
            let Event { position, stream, stream_kind, version, event, .. } = item.event.clone();
            let mut event = event;
            event.schema_version += u32::from(position > 3);
            item.event = Event::chained(event, position, stream, stream_kind, version, head);
            head = item.event.hash;
        }
        let finding = check(expecting(9), &items).expect_err("found");
        assert_eq!(finding, Finding::about(&items[3].event, Reason::Unseen { checkpoint: 1 }));
    }

    #[test]
    fn events_that_are_missing_are_found_where_they_were() {
        let mut items = feed(9);
        // The newest of its stream: its chain does not miss it.
        items.remove(7);
        let finding = check(expecting(9), &items).expect_err("found");
        assert_eq!(finding, Finding::about(&items[7].event, Reason::Missing { count: 1, checkpoint: 1 }));
    }

    #[test]
    fn an_event_in_another_transaction_is_not_where_the_notary_saw_it() {
        let mut items = feed(9);
        items[4].cursor.transaction += 1;
        let finding = check(expecting(9), &items).expect_err("found");
        assert_eq!(finding, Finding::about(&items[4].event, Reason::Unseen { checkpoint: 1 }));
    }
}
