//! Live feeds: what happens on a stream, to whoever has it open, as it happens.
//!
//! One hub a replica follows the store's feed and hands each event to the feeds that are open on its stream. Order and completeness do not hang on
//! it: a feed knows the version that it gave last, takes the next one from the hub, and reads whatever it finds missing from the store. So a hub may
//! start late, give something twice or drop something, and a feed still gives each event once and in order.

mod feed;
mod seat;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use portcullis_domain::{
    Identity,
    caller::Caller,
    event::{Event, Version},
    id::StreamId,
    port::{FeedCursor, StoreError, Subscriptions},
};
use tokio::{
    sync::{Notify, mpsc, watch},
    time,
};

use crate::{causes::chain, metric::LiveMetrics};

use self::seat::Seats;
pub(crate) use self::{feed::Feed, seat::NoSeat};

/// How many events are read at once.
const BATCH: usize = 200;
/// How long to wait for a sign of a new event: another process's commits may give none.
const POLL: Duration = Duration::from_secs(1);
/// The first wait while the store is away; it doubles up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// How feeds are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many feeds this replica keeps open.
    pub(crate) feeds: usize,
    /// How many of them for one account.
    pub(crate) feeds_of_one: usize,
    /// How many events wait for a reader in memory. Beyond that it reads them from the store.
    pub(crate) queue: usize,
    /// How many events are read from the store at once.
    pub(crate) page: usize,
    /// How long a reader whose queue was full may take until nothing waits for it any more.
    pub(crate) patience: Duration,
    /// How long a feed is silent at most.
    pub(crate) heartbeat: Duration,
    /// How often it is looked whether whoever reads may still.
    pub(crate) check: Duration,
}

impl Limits {
    /// With what an operator chooses; a client's own library gives up on a silent connection after about half a minute.
    pub(crate) const fn new(feeds: usize, feeds_of_one: usize) -> Self {
        Self {
            feeds,
            feeds_of_one,
            queue: 256,
            page: 50,
            patience: Duration::from_secs(10),
            heartbeat: Duration::from_secs(15),
            check: Duration::from_secs(3),
        }
    }
}

/// An event as it is sent.
#[derive(Clone, Debug)]
struct Frame {
    version: Version,
    text: Bytes,
}

/// The hub's end of an open feed.
struct Reader {
    number: u64,
    queue: mpsc::Sender<Frame>,
    /// Told that something had no place in the queue.
    missed: Arc<Notify>,
}

/// The one that follows the store, and what it hands events to.
pub(crate) struct Hub {
    identity: Identity,
    /// Writes an event as readers get it.
    render: fn(&Event) -> Bytes,
    limits: Limits,
    readers: Mutex<HashMap<StreamId, Vec<Reader>>>,
    seats: Seats,
    numbers: AtomicU64,
    closed: watch::Sender<bool>,
    metrics: LiveMetrics,
}

impl Hub {
    pub(crate) fn new(
        identity: Identity,
        render: fn(&Event) -> Bytes,
        limits: Limits,
        metrics: LiveMetrics,
    ) -> Arc<Self> {
        let seats = Seats::new(limits.feeds, limits.feeds_of_one);
        let taken = seats.clone();
        metrics.open.read_from(move || taken.taken());
        Arc::new(Self {
            identity,
            render,
            limits,
            readers: Mutex::default(),
            seats,
            numbers: AtomicU64::new(0),
            closed: watch::Sender::new(false),
            metrics,
        })
    }

    /// Opens a feed of what comes after a version. Whoever calls has found that the caller may see the stream.
    pub(crate) fn open(
        self: &Arc<Self>,
        caller: Caller,
        stream: StreamId,
        after: Version,
    ) -> Result<Feed, NoSeat> {
        let seat = self.seats.take(caller.user.into())?;
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let (queue, frames) = mpsc::channel(self.limits.queue);
        let missed = Arc::new(Notify::new());
        let reader = Reader { number, queue, missed: Arc::clone(&missed) };
        self.readers().entry(stream).or_default().push(reader);
        // From here on the hub hands over what it meets; the feed begins by reading what there is.
        Ok(Feed::new(Arc::clone(self), seat, caller, stream, after, number, frames, missed))
    }

    /// Ends every feed, and the following; new ones end at once.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Follows the store until it is closed, from where any subscription has got to: what lies before that is history for whoever opens a feed now,
    /// and what lies beyond is passed over quickly.
    pub(crate) async fn follow(self: Arc<Self>, subscriptions: Arc<dyn Subscriptions>) {
        let cursors =
            subscriptions.list().await.map(|states| states.into_iter().map(|state| state.cursor).max());
        // With none, or without a store that answers, from the beginning: late, and nothing worse.
        let mut cursor = cursors.ok().flatten().unwrap_or(FeedCursor::START);
        let mut closed = self.closed.subscribe();
        let mut retry = FIRST_RETRY;
        loop {
            let step = tokio::select! {
                _ = closed.wait_for(|is_closed| *is_closed) => return,
                step = self.step(cursor) => step,
            };
            match step {
                Ok(next) => {
                    cursor = next;
                    retry = FIRST_RETRY;
                }
                Err(error) => {
                    tracing::warn!(retry_in = ?retry, "live feeds are not told of events: {}", chain(&error));
                    // What the hub cannot read, feeds may still read of their own streams.
                    self.nudge();
                    time::sleep(retry).await;
                    retry = (retry * 2).min(LONGEST_RETRY);
                }
            }
        }
    }

    /// Hands over what lies beyond a cursor, or waits for something to.
    async fn step(&self, cursor: FeedCursor) -> Result<FeedCursor, StoreError> {
        let events = &self.identity.ports().events;
        let items = events.read_feed(cursor, BATCH).await?;
        let Some(last) = items.last() else {
            // Whether there was a sign or none, the next read tells.
            let _ = time::timeout(POLL, events.wait(cursor)).await;
            return Ok(cursor);
        };
        let cursor = last.cursor;
        for item in &items {
            self.hand_over(&item.event);
        }
        Ok(cursor)
    }

    fn hand_over(&self, event: &Event) {
        let readers = self.readers();
        let Some(readers) = readers.get(&event.stream) else { return };
        let frame = Frame { version: event.version, text: (self.render)(event) };
        for reader in readers {
            if reader.queue.try_send(frame.clone()).is_err() {
                reader.missed.notify_one();
            }
        }
        let late = self.identity.ports().clock.now() - event.event.recorded_at;
        self.metrics.handed_over(late.to_std().unwrap_or_default());
    }

    /// Has every feed look into the store.
    fn nudge(&self) {
        for reader in self.readers().values().flatten() {
            reader.missed.notify_one();
        }
    }

    fn leave(&self, stream: StreamId, number: u64) {
        let mut readers = self.readers();
        if let Some(of_stream) = readers.get_mut(&stream) {
            of_stream.retain(|reader| reader.number != number);
            if of_stream.is_empty() {
                readers.remove(&stream);
            }
        }
    }

    fn readers(&self) -> MutexGuard<'_, HashMap<StreamId, Vec<Reader>>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
