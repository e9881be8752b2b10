//! Faults in rows beside those in use, and the cases that catch them.

use async_trait::async_trait;
use portcullis_domain::{
    port::{FeedCursor, Replays, Shadow, StoreError},
    replay::{DerivedRows, Mark, TableComparison, Wanted},
};
use portcullis_memory::Memory;

use crate::store::{Fault, Sound, Store};

/// How rows beside are broken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Nobody waits.
    Unlocked,
    /// Everything is called identical.
    Flattering,
    /// What was discarded is there still.
    Hoarding,
}

struct Broken {
    way: Way,
    shadow: Box<dyn Shadow>,
}

#[async_trait]
impl Shadow for Broken {
    async fn mark(&mut self) -> Result<Mark, StoreError> {
        self.shadow.mark().await
    }

    async fn find(&mut self, wanted: &Wanted) -> Result<DerivedRows, StoreError> {
        self.shadow.find(wanted).await
    }

    async fn write(&mut self, rows: &DerivedRows, mark: Mark) -> Result<(), StoreError> {
        self.shadow.write(rows, mark).await
    }

    async fn lock(&mut self) -> Result<FeedCursor, StoreError> {
        if self.way == Way::Unlocked { Ok(FeedCursor::START) } else { self.shadow.lock().await }
    }

    async fn compare(&mut self) -> Result<Vec<TableComparison>, StoreError> {
        let mut tables = self.shadow.compare().await?;
        if self.way == Way::Flattering {
            for table in &mut tables {
                (table.wrong, table.lacking) = (0, 0);
            }
        }
        Ok(tables)
    }

    async fn swap(self: Box<Self>) -> Result<(), StoreError> {
        self.shadow.swap().await
    }

    async fn discard(self: Box<Self>) -> Result<(), StoreError> {
        if self.way == Way::Hoarding { Ok(()) } else { self.shadow.discard().await }
    }
}

async fn broken(memory: &Memory, way: Way) -> Result<Box<dyn Shadow>, StoreError> {
    Ok(Box::new(Broken { way, shadow: Replays::open(memory).await? }))
}

macro_rules! faults {
    ($($name:ident: $way:expr;)+) => {$(
        #[derive(Default)]
        struct $name;

        #[async_trait]
        impl Fault for $name {
            async fn open_shadow(&self, memory: &Memory) -> Result<Box<dyn Shadow>, StoreError> {
                broken(memory, $way).await
            }
        }
    )+};
}

faults! {
    Unlocked: Way::Unlocked;
    Flattering: Way::Flattering;
    Hoarding: Way::Hoarding;
}

/// Every opening begins anew.
#[derive(Default)]
struct Forgetful;

#[async_trait]
impl Fault for Forgetful {
    async fn open_shadow(&self, memory: &Memory) -> Result<Box<dyn Shadow>, StoreError> {
        Replays::open(memory).await?.discard().await?;
        Replays::open(memory).await
    }
}

crate::caught! {
    a_replay_beside_which_commits_go_on_is_caught: Store<Unlocked>, Store<Sound> => [
        replays::a_commit_waits_for_the_swap,
    ]
    a_comparison_that_finds_nothing_is_caught: Store<Flattering>, Store<Sound> => [
        replays::a_comparison_counts_what_is_wrong_and_what_is_lacking,
    ]
    rows_that_stay_when_they_are_discarded_are_caught: Store<Hoarding>, Store<Sound> => [
        replays::what_was_discarded_is_begun_anew,
    ]
    a_replay_that_always_begins_anew_is_caught: Store<Forgetful>, Store<Sound> => [
        replays::rows_beside_are_gone_on_with_after_a_restart,
    ]
}
