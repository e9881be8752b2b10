//! Faults in guards, and the cases that catch them.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use portcullis_domain::{
    commit::{Append, Commit, CommitError, Committed, Expected},
    event::{Actor, EventData, EventType, NewEvent, StreamKind},
    id::EventId,
    port::EventStore,
};
use portcullis_memory::Memory;
use tokio::time::sleep;
use uuid::Uuid;

use crate::store::{A_MOMENT, Fault, Sound, Store};

/// Nobody looks at the guards.
#[derive(Default)]
struct IgnoredGuards;

#[async_trait]
impl Fault for IgnoredGuards {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        memory.commit(Commit { guards: Vec::new(), ..commit }).await
    }
}

/// The guards are looked at, then the lock is let go, then the rest is written: what snapshot isolation does.
#[derive(Default)]
struct GuardsLookedAtBefore;

#[async_trait]
impl Fault for GuardsLookedAtBefore {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        for guard in &commit.guards {
            let actual = memory.head(guard.stream).await?.map_or(0, |head| head.version);
            Expected::Exactly(guard.version).check(guard.stream, actual)?;
        }
        sleep(A_MOMENT).await;
        memory.commit(Commit { guards: Vec::new(), ..commit }).await
    }
}

/// A guard is made an append, for want of anything else that checks a version.
#[derive(Default)]
struct GuardsThatAppend;

#[async_trait]
impl Fault for GuardsThatAppend {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        for guard in std::mem::take(&mut commit.guards) {
            let event = NewEvent {
                id: EventId::new(Uuid::from_u128(u128::from(guard.version))),
                event_type: EventType::new("stream.guarded"),
                schema_version: 1,
                actor: Actor::System,
                data: EventData::from_stored("{}".to_owned()),
                personal: None,
                recorded_at: chrono::DateTime::UNIX_EPOCH,
            };
            commit.appends.push(Append {
                stream: guard.stream,
                kind: StreamKind::User,
                expected: Expected::Exactly(guard.version),
                events: vec![event],
            });
        }
        memory.commit(commit).await
    }
}

/// A stream that is named again is passed over.
#[derive(Default)]
struct FirstNamingCounts;

#[async_trait]
impl Fault for FirstNamingCounts {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        let mut seen: HashSet<_> = commit.appends.iter().map(|append| append.stream).collect();
        commit.guards.retain(|guard| seen.insert(guard.stream));
        memory.commit(commit).await
    }
}

crate::caught! {
    guards_that_nobody_looks_at_are_caught: Store<IgnoredGuards>, Store<Sound> => [
        event_store::a_guard_at_another_version_conflicts_and_names_both,
        event_store::a_commit_whose_guard_does_not_hold_leaves_nothing,
        event_store::of_two_that_guard_each_others_stream_one_is_applied,
        event_store::of_a_ring_of_guards_not_all_are_applied,
        event_store::of_racers_that_guard_all_the_others_one_is_applied,
    ]
    guards_looked_at_before_the_write_are_caught: Store<GuardsLookedAtBefore>, Store<Sound> => [
        event_store::of_two_that_guard_each_others_stream_one_is_applied,
        event_store::of_a_ring_of_guards_not_all_are_applied,
        event_store::of_racers_that_guard_all_the_others_one_is_applied,
    ]
    guards_that_append_are_caught: Store<GuardsThatAppend>, Store<Sound> => [
        event_store::a_guard_that_holds_appends_nothing,
        event_store::racing_guards_of_one_version_all_hold,
    ]
    a_stream_that_is_passed_over_when_named_again_is_caught: Store<FirstNamingCounts>, Store<Sound> => [
        event_store::a_stream_named_twice_among_appends_and_guards_is_refused,
    ]
}

/// What makes this fault dangerous: the cases that do not race let it pass.
#[test]
fn guards_looked_at_before_the_write_pass_without_a_race() {
    use portcullis_contract::{event_store, run};

    type Broken = Store<GuardsLookedAtBefore>;
    run("guards", event_store::a_guard_at_another_version_conflicts_and_names_both::<Broken>());
    run("guards", event_store::a_guard_that_holds_appends_nothing::<Broken>());
    run("atomicity", event_store::a_commit_whose_guard_does_not_hold_leaves_nothing::<Broken>());
}
