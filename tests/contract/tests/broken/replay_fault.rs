//! Faults in rows beside those in use, and the cases that catch them.

use std::sync::{Arc, Mutex};

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
    /// What is written last is written again when it is opened next, whoever was erased since.
    Remembering,
}

struct Broken {
    way: Way,
    shadow: Box<dyn Shadow>,
    written: Written,
}

/// What was written last, by whichever opening.
type Written = Arc<Mutex<DerivedRows>>;

#[async_trait]
impl Shadow for Broken {
    async fn mark(&mut self) -> Result<Mark, StoreError> {
        self.shadow.mark().await
    }

    async fn find(&mut self, wanted: &Wanted) -> Result<DerivedRows, StoreError> {
        let mut found = self.shadow.find(wanted).await?;
        if self.way == Way::Remembering {
            let written = self.written.lock().expect("nothing panics while it is held");
            for (id, user) in &mut found.users {
                *user = user.take().or_else(|| written.users.get(id).cloned().flatten());
            }
        }
        Ok(found)
    }

    async fn write(&mut self, rows: &DerivedRows, mark: Mark) -> Result<(), StoreError> {
        self.written.lock().expect("nothing panics while it is held").clone_from(rows);
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

async fn broken(memory: &Memory, way: Way, written: &Written) -> Result<Box<dyn Shadow>, StoreError> {
    Ok(Box::new(Broken { way, shadow: Replays::open(memory).await?, written: Arc::clone(written) }))
}

macro_rules! faults {
    ($($name:ident: $way:expr;)+) => {$(
        #[derive(Default)]
        struct $name(Written);

        #[async_trait]
        impl Fault for $name {
            async fn open_shadow(&self, memory: &Memory) -> Result<Box<dyn Shadow>, StoreError> {
                broken(memory, $way, &self.0).await
            }
        }
    )+};
}

faults! {
    Unlocked: Way::Unlocked;
    Flattering: Way::Flattering;
    Hoarding: Way::Hoarding;
    Remembering: Way::Remembering;
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
    rows_that_stay_when_their_users_are_erased_are_caught: Store<Remembering>, Store<Sound> => [
        replays::of_the_erased_nothing_is_kept_beside,
    ]
    rows_that_stay_when_they_are_discarded_are_caught: Store<Hoarding>, Store<Sound> => [
        replays::what_was_discarded_is_begun_anew,
    ]
    a_replay_that_always_begins_anew_is_caught: Store<Forgetful>, Store<Sound> => [
        replays::rows_beside_are_gone_on_with_after_a_restart,
    ]
}
