use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};

use super::{Checkpoint, Leaf, RunningHash, SignedCheckpoint, Tip};
use crate::{
    audit::{Finding, Reason},
    port::{CheckpointSigner, FeedCursor, FeedItem},
};

/// How often checkpoints are made, where there are new events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cadence {
    /// At the latest after so many events; at least one.
    pub events: usize,
    /// At the latest after this time.
    pub time: Duration,
}

/// What was seen of the log since the newest checkpoint: what the next one will say.
#[derive(Clone, Debug)]
pub struct Tally {
    tip: Tip,
    cursor: FeedCursor,
    running_hash: RunningHash,
    leaves: Vec<Leaf>,
    /// When the first of them was recorded.
    since: Option<DateTime<Utc>>,
}

impl Tally {
    /// With nothing seen since the newest checkpoint.
    pub fn after(tip: &Tip) -> Self {
        Self {
            tip: *tip,
            cursor: tip.cursor,
            running_hash: tip.running_hash,
            leaves: Vec::new(),
            since: None,
        }
    }

    /// The newest checkpoint, as far as this knows.
    pub const fn tip(&self) -> &Tip {
        &self.tip
    }

    /// Up to where the log was seen.
    pub const fn cursor(&self) -> FeedCursor {
        self.cursor
    }

    /// How many events were seen since the newest checkpoint.
    pub const fn pending(&self) -> usize {
        self.leaves.len()
    }

    /// Sees the next event of the feed. One whose hash is not of its fields is refused: a notary signs nothing that was changed.
    pub fn add(&mut self, item: &FeedItem) -> Result<(), Finding> {
        if item.event.computed_hash() != item.event.hash {
            return Err(Finding::about(&item.event, Reason::Changed));
        }
        let leaf = item.leaf();
        self.running_hash = self.running_hash.then(&leaf);
        self.leaves.push(leaf);
        self.cursor = item.cursor;
        self.since.get_or_insert(item.event.event.recorded_at);
        Ok(())
    }

    /// Whether the next checkpoint is to be made now.
    pub fn is_due(&self, cadence: Cadence, now: DateTime<Utc>) -> bool {
        self.leaves.len() >= cadence.events.max(1) || self.due_in(cadence, now) == Some(Duration::ZERO)
    }

    /// How long until a checkpoint is due, if no further event comes; `None` while there is nothing new.
    pub fn due_in(&self, cadence: Cadence, now: DateTime<Utc>) -> Option<Duration> {
        let due = self.since?.checked_add_signed(chrono::TimeDelta::from_std(cadence.time).ok()?)?;
        Some((due - now).to_std().unwrap_or_default())
    }

    /// The next checkpoint, signed; `None` where there is nothing new.
    pub fn sign(&self, signer: &dyn CheckpointSigner, now: DateTime<Utc>) -> Option<SignedCheckpoint> {
        if self.leaves.is_empty() {
            return None;
        }
        let checkpoint = Checkpoint {
            number: self.tip.number + 1,
            cursor: self.cursor,
            count: self.tip.count + self.leaves.len() as u64,
            running_hash: self.running_hash,
            previous: self.tip.hash,
            made_at: now.trunc_subsecs(6),
            key_id: signer.key_id(),
        };
        let signature = signer.sign(&checkpoint.to_signed_bytes());
        Some(SignedCheckpoint { checkpoint, signature, leaves: self.leaves.clone() })
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::testing::{PlainKeys, feed};

    const CADENCE: Cadence = Cadence { events: 3, time: Duration::from_secs(60) };

    fn seen(count: u64) -> Tally {
        let mut tally = Tally::after(&Tip::START);
        for item in feed(count) {
            tally.add(&item).expect("whole");
        }
        tally
    }

    #[test]
    fn without_new_events_no_checkpoint_is_ever_due() {
        let later = DateTime::<Utc>::MAX_UTC;
        assert!(!seen(0).is_due(CADENCE, later));
        assert!(seen(0).sign(&PlainKeys::new(1), later).is_none());
    }

    #[test]
    fn a_checkpoint_is_due_after_so_many_events_or_so_long_after_the_first() {
        let begun = feed(1)[0].event.event.recorded_at;
        assert!(seen(3).is_due(CADENCE, begun));
        assert!(!seen(2).is_due(CADENCE, begun));
        assert_eq!(seen(2).due_in(CADENCE, begun), Some(CADENCE.time));
        assert!(seen(1).is_due(CADENCE, begun + TimeDelta::seconds(60)));
    }

    #[test]
    fn whatever_was_seen_by_whom_the_next_checkpoints_follow_each_other() {
        let keys = PlainKeys::new(1);
        let items = feed(5);
        let mut tally = Tally::after(&Tip::START);
        let mut chain = Vec::new();
        for (number, item) in items.iter().enumerate() {
            tally.add(item).expect("whole");
            if number == 1 || number == 4 {
                let signed = tally.sign(&keys, DateTime::UNIX_EPOCH).expect("new events");
                // As another replica takes over: from the checkpoint alone.
                tally = Tally::after(&signed.tip());
                chain.push(signed);
            }
        }
        assert_eq!(chain[0].check_after(&Tip::START), Ok(()));
        assert_eq!(chain[1].check_after(&chain[0].tip()), Ok(()));
        assert_eq!(chain[1].checkpoint.running_hash, seen(5).running_hash);
        assert!(chain[1].check_after(&Tip::START).is_err());
    }

    #[test]
    fn an_event_that_was_changed_is_not_signed() {
        let mut item = feed(1).remove(0);
        item.event.event.schema_version += 1;
        let refused = seen(0).add(&item).expect_err("changed");
        assert_eq!((refused.reason, refused.event), (Reason::Changed, Some(item.event.event.id)));
    }
}
