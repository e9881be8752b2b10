//! Subscriptions: what happens after a commit, at least once and in the order of each stream, from a durable cursor.

mod mailer;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use portcullis_domain::port::{EventStore, FeedCursor, FeedItem, StoreError, Subscriptions};
use thiserror::Error;
use tokio::{sync::watch, time};

pub(crate) use mailer::MailerSubscription;

/// How many events are read at once.
const BATCH: usize = 100;
/// How long to wait for a sign of a new event: another process's commits give none.
const POLL: Duration = Duration::from_secs(1);
/// The first wait after a failure; it doubles up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// What a subscription does with an event.
#[async_trait]
pub(crate) trait Handler: Send + Sync {
    /// Where the cursor is kept.
    fn name(&self) -> &'static str;

    /// Handles one event; it may come again after a failure or a crash.
    async fn handle(&self, item: &FeedItem) -> Result<(), HandleError>;
}

/// An event was not handled, and is to be handled again.
#[derive(Debug, Error)]
#[error(transparent)]
pub(crate) struct HandleError(#[from] pub(crate) portcullis_domain::port::Source);

impl From<StoreError> for HandleError {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}

/// Runs one handler until it is told to stop.
pub(crate) struct Subscription {
    pub(crate) events: Arc<dyn EventStore>,
    pub(crate) cursors: Arc<dyn Subscriptions>,
    pub(crate) handler: Arc<dyn Handler>,
}

impl Subscription {
    /// Follows the feed until `stop` turns true; an event that is being handled is handled to its end.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut retry = FIRST_RETRY;
        while !*stop.borrow_and_update() {
            match self.next_batch().await {
                Ok(None) => retry = FIRST_RETRY,
                Ok(Some(cursor)) => {
                    retry = FIRST_RETRY;
                    let woken = time::timeout(POLL, self.events.wait(cursor));
                    tokio::select! {
                        _ = woken => {} // or timed out, or failed: the next read tells
                        _ = stop.changed() => {}
                    }
                }
                Err(error) => {
                    let name = self.handler.name();
                    tracing::warn!(subscription = name, retry_in = ?retry, "{}", chain(&error));
                    tokio::select! {
                        () = time::sleep(retry) => {}
                        _ = stop.changed() => {}
                    }
                    retry = (retry * 2).min(LONGEST_RETRY);
                }
            }
        }
    }

    /// Handles what lies beyond the cursor; where nothing does, returns the cursor.
    async fn next_batch(&self) -> Result<Option<FeedCursor>, HandleError> {
        let name = self.handler.name();
        let cursor = self.cursors.cursor(name).await?;
        let items = self.events.read_feed(cursor, BATCH).await?;
        if items.is_empty() {
            return Ok(Some(cursor));
        }
        let mut reached = cursor;
        let mut outcome = Ok(None);
        for item in &items {
            if let Err(error) = self.handler.handle(item).await {
                outcome = Err(error);
                break;
            }
            reached = item.cursor;
        }
        if reached != cursor {
            self.cursors.advance(name, reached).await?;
        }
        outcome
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
