//! Faults in what is kept of archived events, and the cases that catch them.

use async_trait::async_trait;
use portcullis_domain::{
    id::StreamId,
    port::{Retention, StoreError},
    retention::{Horizon, StreamBase},
};
use portcullis_memory::Memory;

use crate::store::{Fault, Sound, Store};

/// Everybody is told that theirs is put.
#[derive(Default)]
struct Uncounted;

#[async_trait]
impl Fault for Uncounted {
    async fn put_horizon(
        &self,
        memory: &Memory,
        horizon: &Horizon,
        bases: &[StreamBase],
    ) -> Result<bool, StoreError> {
        Retention::put_horizon(memory, horizon, bases).await?;
        Ok(true)
    }
}

/// As many as there are, whatever was asked for.
#[derive(Default)]
struct AllAtOnce;

#[async_trait]
impl Fault for AllAtOnce {
    async fn drop_archived(&self, memory: &Memory, _limit: usize) -> Result<u64, StoreError> {
        Retention::drop_archived(memory, usize::MAX).await
    }
}

/// A state of no bytes is taken for none.
#[derive(Default)]
struct EmptyIsNone;

#[async_trait]
impl Fault for EmptyIsNone {
    async fn list_bases(
        &self,
        memory: &Memory,
        after: Option<StreamId>,
        limit: usize,
    ) -> Result<Vec<StreamBase>, StoreError> {
        let mut bases = Retention::list_bases(memory, after, limit).await?;
        for base in &mut bases {
            base.state.take_if(|state| state.as_bytes().is_empty());
        }
        Ok(bases)
    }
}

/// Pages begin with the stream that the one before ended with.
#[derive(Default)]
struct PagesOverlap;

#[async_trait]
impl Fault for PagesOverlap {
    async fn list_bases(
        &self,
        memory: &Memory,
        after: Option<StreamId>,
        limit: usize,
    ) -> Result<Vec<StreamBase>, StoreError> {
        let mut bases = Retention::list_bases(memory, None, usize::MAX).await?;
        bases.retain(|base| after.is_none_or(|after| base.stream >= after));
        bases.truncate(if after.is_some_and(|after| bases.last().is_some_and(|last| last.stream == after)) {
            0
        } else {
            limit
        });
        Ok(bases)
    }
}

crate::caught! {
    a_store_that_does_not_count_what_it_put_is_caught: Store<Uncounted>, Store<Sound> => [
        retention::a_horizon_that_is_not_beyond_the_newest_changes_nothing,
        retention::of_racing_horizons_one_is_put,
    ]
    a_store_that_drops_all_at_once_is_caught: Store<AllAtOnce>, Store<Sound> => [
        retention::events_behind_the_horizon_are_dropped_and_no_others,
    ]
    a_store_that_takes_an_empty_state_for_none_is_caught: Store<EmptyIsNone>, Store<Sound> => [
        retention::a_horizon_and_its_bases_read_back_as_they_were_written,
    ]
    a_store_whose_pages_of_bases_overlap_is_caught: Store<PagesOverlap>, Store<Sound> => [
        retention::bases_are_listed_in_pages_in_the_order_of_their_streams,
    ]
}
