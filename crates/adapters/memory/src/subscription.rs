use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use portcullis_domain::{
    id::EventId,
    port::{DeadLetter, FeedCursor, StoreError, SubscriptionState, Subscriptions},
};
use uuid::Uuid;

use crate::Memory;

/// One subscription's row.
#[derive(Default)]
pub(crate) struct Subscription {
    cursor: FeedCursor,
    is_paused: bool,
    lease: Option<Lease>,
    last_error: Option<String>,
    dead_letters: BTreeMap<FeedCursor, DeadLetter>,
}

struct Lease {
    holder: Uuid,
    until: Instant,
}

impl Subscription {
    fn holder(&self) -> Option<Uuid> {
        self.lease.as_ref().filter(|lease| Instant::now() < lease.until).map(|lease| lease.holder)
    }
}

impl Memory {
    /// Changes a subscription, known or not.
    fn subscription<T>(&self, name: &str, change: impl FnOnce(&mut Subscription) -> T) -> T {
        change(self.state().subscriptions.entry(name.to_owned()).or_default())
    }

    /// Changes a subscription that is known.
    fn known_subscription<T: Default>(&self, name: &str, change: impl FnOnce(&mut Subscription) -> T) -> T {
        self.state().subscriptions.get_mut(name).map(change).unwrap_or_default()
    }
}

#[async_trait]
impl Subscriptions for Memory {
    async fn list(&self) -> Result<Vec<SubscriptionState>, StoreError> {
        let state = self.state();
        let listed = state.subscriptions.iter().map(|(name, row)| SubscriptionState {
            name: name.clone(),
            cursor: row.cursor,
            is_paused: row.is_paused,
            holder: row.holder(),
            last_error: row.last_error.clone(),
            dead_letters: row.dead_letters.len() as u64,
        });
        Ok(listed.collect())
    }

    async fn lease(
        &self,
        name: &str,
        holder: Uuid,
        time_to_live: Duration,
    ) -> Result<Option<FeedCursor>, StoreError> {
        Ok(self.subscription(name, |row| {
            if row.is_paused || row.holder().is_some_and(|other| other != holder) {
                return None;
            }
            row.lease = Some(Lease { holder, until: Instant::now() + time_to_live });
            Some(row.cursor)
        }))
    }

    async fn release(&self, name: &str, holder: Uuid) -> Result<(), StoreError> {
        self.known_subscription(name, |row| {
            row.lease.take_if(|lease| lease.holder == holder);
        });
        Ok(())
    }

    async fn advance(&self, name: &str, holder: Uuid, cursor: FeedCursor) -> Result<bool, StoreError> {
        Ok(self.known_subscription(name, |row| {
            let is_holder = row.holder() == Some(holder);
            if is_holder {
                row.cursor = cursor.max(row.cursor);
                row.last_error = None;
            }
            is_holder
        }))
    }

    async fn note_failure(&self, name: &str, error: &str) -> Result<(), StoreError> {
        self.known_subscription(name, |row| row.last_error = Some(error.to_owned()));
        Ok(())
    }

    async fn bury(&self, name: &str, letter: DeadLetter) -> Result<(), StoreError> {
        self.subscription(name, |row| row.dead_letters.insert(letter.cursor, letter));
        Ok(())
    }

    async fn list_dead_letters(&self, name: &str, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        Ok(self.known_subscription(name, |row| row.dead_letters.values().take(limit).cloned().collect()))
    }

    async fn remove_dead_letter(&self, name: &str, event: EventId) -> Result<bool, StoreError> {
        Ok(self.known_subscription(name, |row| {
            let before = row.dead_letters.len();
            row.dead_letters.retain(|_, letter| letter.event != event);
            row.dead_letters.len() < before
        }))
    }

    async fn pause(&self, name: &str) -> Result<(), StoreError> {
        self.subscription(name, |row| {
            row.is_paused = true;
            row.lease = None;
        });
        Ok(())
    }

    async fn resume(&self, name: &str) -> Result<(), StoreError> {
        self.known_subscription(name, |row| row.is_paused = false);
        Ok(())
    }

    async fn rewind(&self, name: &str, cursor: FeedCursor) -> Result<(), StoreError> {
        self.subscription(name, |row| {
            row.cursor = cursor;
            row.lease = None;
        });
        Ok(())
    }
}
