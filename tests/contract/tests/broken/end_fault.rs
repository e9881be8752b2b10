//! Faults in what is counted, and in what goes when it has run out, and the cases that catch them.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use portcullis_domain::port::{Invitations, OneTimeCodes, Sessions, StoreError, UserCount, Users};
use portcullis_memory::Memory;

use crate::store::{Fault, Sound, Store};

/// Whoever is there counts, sessions that have ended too.
#[derive(Default)]
struct CountsAll;

#[async_trait]
impl Fault for CountsAll {
    async fn count_users(&self, memory: &Memory) -> Result<UserCount, StoreError> {
        let UserCount { all, .. } = memory.count().await?;
        Ok(UserCount { all, active: all })
    }

    async fn count_live(&self, memory: &Memory, _: DateTime<Utc>) -> Result<u64, StoreError> {
        memory.count_live(DateTime::<Utc>::MIN_UTC).await
    }
}

/// What ends now is live, and what ends now has run out.
#[derive(Default)]
struct AMicrosecondOff;

#[async_trait]
impl Fault for AMicrosecondOff {
    async fn count_live(&self, memory: &Memory, at: DateTime<Utc>) -> Result<u64, StoreError> {
        memory.count_live(at - TimeDelta::microseconds(1)).await
    }

    async fn prune_sessions(&self, memory: &Memory, before: DateTime<Utc>) -> Result<u64, StoreError> {
        Sessions::prune(memory, before + TimeDelta::microseconds(1)).await
    }

    async fn prune_codes(&self, memory: &Memory, before: DateTime<Utc>) -> Result<u64, StoreError> {
        OneTimeCodes::prune(memory, before + TimeDelta::microseconds(1)).await
    }

    async fn prune_invitations(&self, memory: &Memory, before: DateTime<Utc>) -> Result<u64, StoreError> {
        Invitations::prune(memory, before + TimeDelta::microseconds(1)).await
    }
}

/// Nothing ever goes.
#[derive(Default)]
struct NothingRunsOut;

#[async_trait]
impl Fault for NothingRunsOut {
    async fn prune_sessions(&self, _: &Memory, _: DateTime<Utc>) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn prune_codes(&self, _: &Memory, _: DateTime<Utc>) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn prune_invitations(&self, _: &Memory, _: DateTime<Utc>) -> Result<u64, StoreError> {
        Ok(0)
    }
}

/// What goes is not counted.
#[derive(Default)]
struct EndsUncounted;

#[async_trait]
impl Fault for EndsUncounted {
    async fn prune_sessions(&self, memory: &Memory, before: DateTime<Utc>) -> Result<u64, StoreError> {
        Sessions::prune(memory, before).await.map(|_| 0)
    }

    async fn prune_codes(&self, memory: &Memory, before: DateTime<Utc>) -> Result<u64, StoreError> {
        OneTimeCodes::prune(memory, before).await.map(|_| 0)
    }

    async fn prune_invitations(&self, memory: &Memory, before: DateTime<Utc>) -> Result<u64, StoreError> {
        Invitations::prune(memory, before).await.map(|_| 0)
    }
}

crate::caught! {
    counts_of_all_are_caught: Store<CountsAll>, Store<Sound> => [
        users::users_are_counted_and_the_active_apart,
        sessions::live_sessions_are_counted,
    ]
    ends_a_microsecond_off_are_caught: Store<AMicrosecondOff>, Store<Sound> => [
        sessions::live_sessions_are_counted,
        sessions::sessions_that_have_run_out_are_pruned_and_nothing_else,
        one_time_codes::codes_that_have_run_out_are_pruned_and_nothing_else,
        invitations::invitations_that_have_run_out_are_pruned_and_nothing_else,
    ]
    what_never_runs_out_is_caught: Store<NothingRunsOut>, Store<Sound> => [
        sessions::sessions_that_have_run_out_are_pruned_and_nothing_else,
        one_time_codes::codes_that_have_run_out_are_pruned_and_nothing_else,
        invitations::invitations_that_have_run_out_are_pruned_and_nothing_else,
    ]
    ends_that_nobody_counts_are_caught: Store<EndsUncounted>, Store<Sound> => [
        sessions::sessions_that_have_run_out_are_pruned_and_nothing_else,
        one_time_codes::codes_that_have_run_out_are_pruned_and_nothing_else,
        invitations::invitations_that_have_run_out_are_pruned_and_nothing_else,
    ]
}
