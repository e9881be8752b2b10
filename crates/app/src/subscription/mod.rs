//! Subscriptions: what happens after a commit, at least once and in the order of each stream, from a durable cursor. One replica
//! at a time runs each, by a lease.

mod broker;
mod mailer;
mod notary;
mod patience;
mod snapshot;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use portcullis_domain::port::{
    DeadLetter, EventStore, FeedCursor, FeedItem, Source, StoreError, Subscriptions,
};
use thiserror::Error;
use tokio::{sync::watch, time};
use uuid::Uuid;

pub(crate) use broker::BrokerSubscription;
pub(crate) use mailer::MailerSubscription;
pub(crate) use notary::NotarySubscription;
pub(crate) use snapshot::SnapshotSubscription;

use self::patience::{MAX_TRIES, Patience};
use crate::{causes::chain, metric::Delivered};

/// How many events are read at once.
const BATCH: usize = 100;
/// How long a replica that died keeps the others waiting.
const LEASE: Duration = Duration::from_secs(15);
/// How long to wait for a sign of a new event, or of the lease: another process's commits may give none.
const POLL: Duration = Duration::from_secs(1);
/// The first wait while something is away; it doubles up to the longest.
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
    /// It is the fault of each of these, and every other one was handled: tried together, then put aside together.
    #[error("{} events cannot be handled, the first of them since {}", .refused.len(), first_cause(.refused))]
    Events {
        /// Which, in order; at least one.
        refused: Vec<Refused>,
        /// How many events from the first on were handled or refused.
        end: usize,
    },
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

/// An event that cannot be handled, by its place among those that were to be, and why.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) place: usize,
    pub(crate) cause: Source,
}

fn first_cause(refused: &[Refused]) -> String {
    refused.first().map(|refused| chain(refused.cause.as_ref())).unwrap_or_default()
}

/// Runs one handler until it is told to stop.
pub(crate) struct Subscription {
    pub(crate) events: Arc<dyn EventStore>,
    pub(crate) cursors: Arc<dyn Subscriptions>,
    pub(crate) handler: Arc<dyn Handler>,
    /// Who this replica is in leases.
    pub(crate) holder: Uuid,
    /// Counts what was handled.
    pub(crate) delivered: Delivered,
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

impl Subscription {
    /// Follows the feed until `stop` turns true; what is being handled is handled to its end, and what is there by then with it.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut retry = FIRST_RETRY;
        let mut patience = Patience::default();
        while !*stop.borrow_and_update() {
            let wait = match self.step(&mut patience).await {
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
                    let is_an_events = !matches!(failure, Failure::Outage(_));
                    let wait = if let Some(wait) = patience.wait().filter(|_| is_an_events) {
                        retry = FIRST_RETRY;
                        wait
                    } else {
                        let wait = retry;
                        retry = (retry * 2).min(LONGEST_RETRY);
                        wait
                    };
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
        if let Err(failure) = self.step(&mut patience).await {
            tracing::debug!("left to the next start: {}", chain(&failure));
        }
        if let Err(error) = self.cursors.release(self.handler.name(), self.holder).await {
            tracing::debug!("the lease of {} ends with its time: {error}", self.handler.name());
        }
    }

    /// Takes or renews the lease, and handles what lies beyond the cursor.
    async fn step(&self, patience: &mut Patience) -> Result<Next, Failure> {
        let name = self.handler.name();
        let Some(cursor) = self.cursors.lease(name, self.holder, LEASE).await? else {
            return Ok(Next::StandBy);
        };
        let items = self.events.read_feed(cursor, BATCH).await?;
        if items.is_empty() {
            return Ok(Next::Await(cursor));
        }
        let Progress { handled, failure } = self.handler.handle(&items).await;
        let (end, refused) = match failure {
            None => (handled, Vec::new()),
            Some(Failure::Event(cause)) => (handled + 1, vec![Refused { place: handled, cause }]),
            Some(Failure::Events { refused, end }) => (end, refused),
            Some(outage @ Failure::Outage(_)) => {
                self.advance(&items[..handled], 0).await?;
                return Err(outage);
            }
        };
        let given_up = patience.refused(refused.iter().map(|refused| items[refused.place].event.event.id));
        for Refused { place, cause } in &refused[..given_up] {
            self.bury(&items[*place], cause).await?;
        }
        // The first that is tried again, and with it whatever comes after: whoever begins to take it meanwhile gets its stream in order.
        let next = refused.into_iter().nth(given_up);
        let reach = next.as_ref().map_or(end, |refused| refused.place);
        self.advance(&items[..reach], given_up).await?;
        next.map_or(Ok(Next::On), |refused| Err(Failure::Event(refused.cause)))
    }

    /// Moves the cursor beyond events that were handled, but for so many that were put aside.
    async fn advance(&self, items: &[FeedItem], put_aside: usize) -> Result<(), StoreError> {
        let Some(last) = items.last() else { return Ok(()) };
        // Lost meanwhile: whoever has the lease now handles the rest, and some of this again.
        if self.cursors.advance(self.handler.name(), self.holder, last.cursor).await? {
            self.delivered.count(items.len() - put_aside);
        }
        Ok(())
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
