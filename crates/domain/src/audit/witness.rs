//! What checkpoints say of one stream, without a walk along the log. An event's hash is over all events of its stream before it, so the checkpoint
//! that saw one of them bears out the others too.

use chrono::{DateTime, Utc};

use super::{Evidence, Finding, Reason};
use crate::{
    checkpoint::{CheckpointFault, SignedCheckpoint, Tip},
    event::{Event, Version},
    port::{Checkpoints, Covering, StoreError},
};

/// What the notary's checkpoints say of events of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Testimony {
    /// The newest checkpoint that covers one of them; `None` where none does yet.
    pub witness: Option<Witness>,
    /// The first of them that the notary did not see there.
    pub finding: Option<Finding>,
}

/// A checkpoint that covers events of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Its number.
    pub checkpoint: u64,
    /// The newest event that it covers, of those that it was asked about.
    pub version: Version,
    /// When it was made.
    pub made_at: DateTime<Utc>,
    /// Which key signed it.
    pub key_id: String,
    /// Why it is not to be believed; `None` where it is.
    pub fault: Option<CheckpointFault>,
}

impl Evidence<'_> {
    /// Compares events that follow each other on one stream, and hold together, with the newest checkpoint that covers one of them. That checkpoint is
    /// checked, its signature with it, and that it follows the one before it. Only where it saw others are older ones read, a few, to name the first
    /// event that differs.
    pub async fn about_stream(&self, events: &[Event]) -> Result<Testimony, StoreError> {
        let Some(checkpoints) = self.checkpoints else { return Ok(Testimony::default()) };
        let Some((place, covering)) = newest_covered(checkpoints, events).await? else {
            return Ok(Testimony::default());
        };
        let checkpoint = &covering.signed.checkpoint;
        let fault = self.fault_of(checkpoints, &covering.signed).await?;
        let is_borne_out = covering.saw(&events[place]);
        let finding = match fault {
            None if !is_borne_out => {
                Some(self.first_unseen(checkpoints, &events[..=place], checkpoint.number).await?)
            }
            _ => None,
        };
        let witness = Witness {
            checkpoint: checkpoint.number,
            version: events[place].version,
            made_at: checkpoint.made_at,
            key_id: checkpoint.key_id.clone(),
            fault,
        };
        Ok(Testimony { witness: Some(witness), finding })
    }

    async fn fault_of(
        &self,
        checkpoints: &dyn Checkpoints,
        signed: &SignedCheckpoint,
    ) -> Result<Option<CheckpointFault>, StoreError> {
        let before = match signed.checkpoint.number.checked_sub(2) {
            None => Tip::START,
            Some(after) => match checkpoints.list(after, 1).await?.first() {
                Some(before) => before.tip(),
                None => return Ok(Some(CheckpointFault::Gap)),
            },
        };
        let verdict = signed
            .check_after(&before)
            .and_then(|()| self.keys.map_or(Ok(()), |keys| signed.check_signature(keys)));
        Ok(verdict.err().map(|finding| finding.fault))
    }

    /// Of events of which the last is not what a checkpoint saw: whoever changes one of them has to chain anew all after it, so none of those is either.
    async fn first_unseen(
        &self,
        checkpoints: &dyn Checkpoints,
        events: &[Event],
        mut checkpoint: u64,
    ) -> Result<Finding, StoreError> {
        let (mut seen, mut unseen) = (0, events.len() - 1);
        while seen < unseen {
            let middle = usize::midpoint(seen, unseen);
            let event = &events[middle];
            match checkpoints.covering(event.stream, event.version).await? {
                Some(covering) if covering.saw(event) => seen = middle + 1,
                covering => {
                    unseen = middle;
                    checkpoint = covering.map_or(checkpoint, |covering| covering.signed.checkpoint.number);
                }
            }
        }
        Ok(Finding::about(&events[unseen], Reason::Unseen { checkpoint }))
    }
}

/// The newest of the events that a checkpoint covers, by its place among them. Most often it is the last of all.
async fn newest_covered(
    checkpoints: &dyn Checkpoints,
    events: &[Event],
) -> Result<Option<(usize, Covering)>, StoreError> {
    let Some(mut next) = events.len().checked_sub(1) else { return Ok(None) };
    let (mut covered, mut from, mut to) = (None, 0, events.len());
    while from < to {
        let event = &events[next];
        match checkpoints.covering(event.stream, event.version).await? {
            Some(covering) => {
                covered = Some((next, covering));
                from = next + 1;
            }
            None => to = next,
        }
        next = usize::midpoint(from, to);
    }
    Ok(covered)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::{
        checkpoint::{Signature, Tally},
        id::StreamId,
        port::FeedItem,
        testing::{PlainKeys, feed},
    };

    /// A log, and what the notary made of it.
    struct Log {
        items: Vec<FeedItem>,
        chain: Vec<SignedCheckpoint>,
    }

    #[async_trait]
    impl Checkpoints for Log {
        async fn newest(&self) -> Result<Option<SignedCheckpoint>, StoreError> {
            Ok(self.chain.last().cloned())
        }

        async fn list(&self, after: u64, limit: usize) -> Result<Vec<SignedCheckpoint>, StoreError> {
            let beyond = self.chain.iter().filter(|signed| signed.checkpoint.number > after);
            Ok(beyond.take(limit).cloned().collect())
        }

        async fn covering(&self, stream: StreamId, version: Version) -> Result<Option<Covering>, StoreError> {
            let is_it = |item: &&FeedItem| (item.event.stream, item.event.version) == (stream, version);
            let Some(place) = self.items.iter().find(is_it).map(|item| item.cursor) else { return Ok(None) };
            let signed = self.chain.iter().find(|signed| signed.checkpoint.cursor >= place).cloned();
            Ok(signed.map(|signed| Covering { place, signed }))
        }

        async fn insert(&self, _: &SignedCheckpoint) -> Result<bool, StoreError> {
            unreachable!("it is read alone")
        }
    }

    type Edit = fn(&mut Log);

    impl Log {
        /// Thirty events of three streams, with checkpoints that cover five each up to the twenty-fifth.
        fn new() -> Self {
            let (items, mut tally, mut chain) = (feed(30), Tally::after(&Tip::START), Vec::new());
            for five in items.chunks(5).take(5) {
                for item in five {
                    tally.add(item).expect("whole");
                }
                let signed = tally.sign(&PlainKeys::new(1), DateTime::UNIX_EPOCH).expect("new events");
                tally = Tally::after(&signed.tip());
                chain.push(signed);
            }
            Self { items, chain }
        }

        /// Those of the stream to which the first event belongs.
        fn events(&self) -> Vec<Event> {
            let stream = self.items[0].event.stream;
            let of_stream = self.items.iter().filter(|item| item.event.stream == stream);
            of_stream.map(|item| item.event.clone()).collect()
        }

        /// As whoever knows the program changes a version: with everything after it chained anew.
        fn change(&mut self, version: Version) {
            let (stream, mut head) = (self.items[0].event.stream, None);
            for item in self.items.iter_mut().filter(|item| item.event.stream == stream) {
                let Event { position, stream, stream_kind, version: at, mut event, prev_hash, .. } =
                    item.event.clone();
                event.schema_version += u32::from(at == version);
                let before = head.unwrap_or(prev_hash);
                item.event = Event::chained(event, position, stream, stream_kind, at, before);
                head = Some(item.event.hash);
            }
        }

        async fn testimony(&self, keys: &PlainKeys, events: &[Event]) -> Testimony {
            let evidence = Evidence { checkpoints: Some(self), keys: Some(keys), ..Evidence::default() };
            evidence.about_stream(events).await.expect("reads")
        }
    }

    #[tokio::test]
    async fn the_newest_covered_event_bears_out_those_before_it() {
        let (log, keys) = (Log::new(), PlainKeys::new(1));
        let events = log.events();
        assert_eq!(events.len(), 10);
        // Of positions 1, 4, 7, … the ninth is the last that is covered.
        for (count, version, checkpoint) in [(10, 9, 5), (9, 9, 5), (3, 3, 2), (1, 1, 1)] {
            let Testimony { witness, finding } = log.testimony(&keys, &events[..count]).await;
            let witness = witness.expect("covered");
            assert_eq!((witness.version, witness.checkpoint), (version, checkpoint), "of {count}");
            assert_eq!((witness.fault, finding), (None, None));
        }
        for uncovered in [&events[9..], &[]] {
            assert_eq!(log.testimony(&keys, uncovered).await, Testimony::default());
        }
        let nothing = Evidence::default().about_stream(&events).await.expect("reads");
        assert_eq!(nothing, Testimony::default());
    }

    #[tokio::test]
    async fn of_a_stream_that_was_chained_anew_the_first_event_that_differs_is_named() {
        for version in 1..=9 {
            let (mut log, keys) = (Log::new(), PlainKeys::new(1));
            log.change(version);
            let events = log.events();
            let position = events[usize::try_from(version).expect("small") - 1].position;
            let finding = log.testimony(&keys, &events).await.finding.expect("found");
            let reason = Reason::Unseen { checkpoint: (position - 1) / 5 + 1 };
            assert_eq!((finding.version, finding.reason), (version, reason));
        }
        let (mut log, keys) = (Log::new(), PlainKeys::new(1));
        log.change(10);
        assert_eq!(log.testimony(&keys, &log.events()).await.finding, None, "nobody has seen it yet");
    }

    #[tokio::test]
    async fn a_checkpoint_that_is_not_to_be_believed_bears_out_nothing() {
        let (log, keys) = (Log::new(), PlainKeys::new(1));
        let events = log.events();
        let fault = async |log: &Log, keys: &PlainKeys| {
            log.testimony(keys, &events).await.witness.expect("covered").fault
        };
        let stranger = fault(&log, &PlainKeys::new(2)).await;
        assert!(matches!(stranger, Some(CheckpointFault::UnknownKey(_))));
        let edits: [(Edit, CheckpointFault); 4] = [
            (|log| log.chain[4].signature = Signature::new([1; 64]), CheckpointFault::Signature),
            (|log| log.chain[4].leaves.swap(0, 1), CheckpointFault::Sum),
            (|log| log.chain[3].signature = Signature::new([1; 64]), CheckpointFault::Unchained),
            (|log| drop(log.chain.remove(3)), CheckpointFault::Gap),
        ];
        for (edit, expected) in edits {
            let mut log = Log::new();
            edit(&mut log);
            assert_eq!(fault(&log, &keys).await, Some(expected));
        }
    }
}
