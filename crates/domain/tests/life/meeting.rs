//! A store in which commits meet: races that happen every time.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use portcullis_domain::{Policy, commit::CommitError};
use tokio::sync::Barrier;

use crate::{
    relay::{Change, world_with},
    world::World,
};

/// The next commits wait for each other when they are told to: all of them were decided before any is applied.
pub(crate) struct Meeting {
    barrier: Barrier,
    expected: AtomicUsize,
}

/// A world in which `count` commits can meet.
pub(crate) fn meeting_of(policy: Policy, count: usize) -> (Arc<World>, Arc<Meeting>) {
    let meeting = Meeting { barrier: Barrier::new(count), expected: AtomicUsize::new(0) };
    let (world, meeting) = world_with(policy, meeting);
    (Arc::new(world), meeting)
}

impl Meeting {
    /// The next so many commits meet; those after them go on as ever.
    pub(crate) fn expect(&self, count: usize) {
        self.expected.store(count, Ordering::SeqCst);
    }
}

#[async_trait]
impl Change for Meeting {
    async fn before_commit(&self) -> Result<(), CommitError> {
        let one_less = |expected: usize| expected.checked_sub(1);
        if self.expected.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            self.barrier.wait().await;
        }
        Ok(())
    }
}
