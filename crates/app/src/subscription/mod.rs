//! Subscriptions: what happens after a commit, at least once and in the order of each stream, from a durable cursor. One replica
//! at a time runs each, by a lease.

mod broker;
mod mailer;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use portcullis_domain::{
    id::EventId,
    port::{DeadLetter, EventStore, FeedCursor, FeedItem, Source, StoreError, Subscriptions},
};
use thiserror::Error;
use tokio::{sync::watch, time};
use uuid::Uuid;

pub(crate) use broker::BrokerSubscription;
pub(crate) use mailer::MailerSubscription;

use crate::causes::chain;

/// How many events are read at once.
const BATCH: usize = 100;
/// How long a replica that died keeps the others waiting.
const LEASE: Duration = Duration::from_secs(15);
/// How long to wait for a sign of a new event, or of the lease: another process's commits may give none.
const POLL: Duration = Duration::from_secs(1);
/// How often an event that fails by itself is tried before it is put aside.
const MAX_TRIES: u32 = 5;
/// The first wait after a failure; it doubles up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// What a subscription does with events.
#[async_trait]
pub(crate) trait Handler: Send + Sync {
    /// Where the cursor is kept.
    fn name(&self) -> &'static str;

    /// Handles events in order; any of them may come again after a failure or a crash.
    async fn handle(&self, items: &[FeedItem]) -> Progress;
}

/// How far a handler got.
#[derive(Debug)]
pub(crate) struct Progress {
    /// How many events from the first on were handled.
    pub(crate) handled: usize,
    /// Why the next one was not.
    pub(crate) failure: Option<Failure>,
}

/// Why an event was not handled.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// It is this event's own fault: tried a few times, then put aside.
    #[error("the event cannot be handled")]
    Event(#[source] Source),
    /// Something that every event needs is away: tried until it is back.
    #[error("what is needed is away")]
    Outage(#[source] Source),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt(_) => Self::Event(error.into()),
            StoreError::Unavailable(_) | StoreError::Contention => Self::Outage(error.into()),
        }
    }
}

/// Runs one handler until it is told to stop.
pub(crate) struct Subscription {
    pub(crate) events: Arc<dyn EventStore>,
    pub(crate) cursors: Arc<dyn Subscriptions>,
    pub(crate) handler: Arc<dyn Handler>,
    /// Who this replica is in leases.
    pub(crate) holder: Uuid,
}

/// What to do after a step.
enum Next {
    /// Go on at once.
    On,
    /// Nothing lies beyond the cursor.
    Await(FeedCursor),
    /// Another replica has the lease, or the subscription is paused.
    StandBy,
}

/// The event that fails, and how often it has.
struct Failing {
    event: EventId,
    tries: u32,
}

impl Subscription {
    /// Follows the feed until `stop` turns true; what is being handled is handled to its end, and what is there by then with it.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut retry = FIRST_RETRY;
        let mut failing = None;
        while !*stop.borrow_and_update() {
            let wait = match self.step(&mut failing).await {
                Ok(Next::On) => {
                    retry = FIRST_RETRY;
                    continue;
                }
                Ok(Next::StandBy) => POLL,
                Ok(Next::Await(cursor)) => {
                    retry = FIRST_RETRY;
                    tokio::select! {
                        _ = time::timeout(POLL, self.events.wait(cursor)) => {} // the next read tells
                        _ = stop.changed() => {}
                    }
                    continue;
                }
                Err(failure) => {
                    let wait = retry;
                    retry = (retry * 2).min(LONGEST_RETRY);
                    self.report(&failure, wait).await;
                    wait
                }
            };
            tokio::select! {
                () = time::sleep(jittered(wait, self.holder)) => {}
                _ = stop.changed() => {}
            }
        }
        // What the requests that were finished last have asked for goes out with them. One batch: a stop is no time for a backlog.
        if let Err(failure) = self.step(&mut failing).await {
            tracing::debug!("left to the next start: {}", chain(&failure));
        }
        if let Err(error) = self.cursors.release(self.handler.name(), self.holder).await {
            tracing::debug!("the lease of {} ends with its time: {error}", self.handler.name());
        }
    }

    /// Takes or renews the lease, and handles what lies beyond the cursor.
    async fn step(&self, failing: &mut Option<Failing>) -> Result<Next, Failure> {
        let name = self.handler.name();
        let Some(cursor) = self.cursors.lease(name, self.holder, LEASE).await? else {
            return Ok(Next::StandBy);
        };
        let items = self.events.read_feed(cursor, BATCH).await?;
        if items.is_empty() {
            return Ok(Next::Await(cursor));
        }
        let Progress { mut handled, mut failure } = self.handler.handle(&items).await;
        if let (Some(Failure::Event(cause)), Some(item)) = (&failure, items.get(handled)) {
            let tries =
                failing.take().filter(|seen| seen.event == item.event.event.id).map_or(0, |seen| seen.tries)
                    + 1;
            if tries >= MAX_TRIES {
                self.bury(item, cause).await?;
                handled += 1;
                failure = None;
            } else {
                *failing = Some(Failing { event: item.event.event.id, tries });
            }
        }
        if let Some(last) = handled.checked_sub(1).and_then(|last| items.get(last)) {
            // Lost meanwhile: whoever has the lease now handles the rest, and some of this again.
            self.cursors.advance(name, self.holder, last.cursor).await?;
        }
        failure.map_or(Ok(Next::On), Err)
    }

    /// Puts an event aside, so that the others go on.
    async fn bury(&self, item: &FeedItem, cause: &Source) -> Result<(), StoreError> {
        let event = &item.event.event;
        let name = self.handler.name();
        let error = chain(cause.as_ref());
        tracing::error!(subscription = name, event = %event.id, "put aside after {MAX_TRIES} tries: {error}");
        let (event, event_type) = (event.id, event.event_type.clone());
        self.cursors.bury(name, DeadLetter { event, cursor: item.cursor, event_type, error }).await
    }

    async fn report(&self, failure: &Failure, retry_in: Duration) {
        let name = self.handler.name();
        let error = chain(failure);
        tracing::warn!(subscription = name, ?retry_in, "{error}");
        if let Err(error) = self.cursors.note_failure(name, &error).await {
            tracing::debug!("the failure of {name} could not be noted: {error}");
        }
    }
}

/// Handles dead letters again, each by itself, and takes out those that succeed; returns how many did.
pub(crate) async fn replay(
    handler: &dyn Handler,
    events: &dyn EventStore,
    subscriptions: &dyn Subscriptions,
) -> Result<usize, StoreError> {
    let mut replayed = 0;
    for letter in subscriptions.list_dead_letters(handler.name(), usize::MAX).await? {
        let before = FeedCursor { position: letter.cursor.position.saturating_sub(1), ..letter.cursor };
        let items = events.read_feed(before, 1).await?;
        let Some(item) = items.first().filter(|item| item.event.event.id == letter.event) else { continue };
        let Progress { failure, .. } = handler.handle(std::slice::from_ref(item)).await;
        match failure {
            None => {
                subscriptions.remove_dead_letter(handler.name(), letter.event).await?;
                replayed += 1;
            }
            Some(failure) => tracing::warn!(event = %letter.event, "{}", chain(&failure)),
        }
    }
    Ok(replayed)
}

/// Between half and the whole of a wait, another share for each replica: those that failed together do not come back together.
fn jittered(wait: Duration, holder: Uuid) -> Duration {
    let [.., share] = *holder.as_bytes();
    wait / 2 + wait / 2 * u32::from(share) / u32::from(u8::MAX)
}
