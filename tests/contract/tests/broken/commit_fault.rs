//! Faults in how a store commits, and the cases that catch them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use portcullis_domain::{
    commit::{Append, Claim, Commit, CommitError, Committed, Expected},
    event::EventData,
    port::EventStore,
};
use portcullis_memory::Memory;
use tokio::time::sleep;
use uuid::Uuid;

use crate::store::{A_MOMENT, Fault, Sound, Store};

/// Events first, then the rest in a transaction of its own.
#[derive(Default)]
struct DualWrite;

#[async_trait]
impl Fault for DualWrite {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        let appends = Commit { appends: commit.appends.clone(), ..Commit::default() };
        let committed = memory.commit(appends).await?;
        memory.commit(Commit { appends: Vec::new(), ..commit }).await?;
        Ok(committed)
    }
}

/// The rest first, then the events.
#[derive(Default)]
struct RowsFirst;

#[async_trait]
impl Fault for RowsFirst {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        memory.commit(Commit { appends: Vec::new(), ..commit.clone() }).await?;
        memory.commit(Commit { appends: commit.appends, ..Commit::default() }).await
    }
}

/// Each stream in a transaction of its own.
#[derive(Default)]
struct StreamByStream;

#[async_trait]
impl Fault for StreamByStream {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        let mut events = Vec::new();
        while commit.appends.len() > 1 {
            let appends = vec![commit.appends.remove(0)];
            events.extend(memory.commit(Commit { appends, ..Commit::default() }).await?.events);
        }
        events.extend(memory.commit(commit).await?.events);
        Ok(Committed { events })
    }
}

/// Nobody looks at the expected version.
#[derive(Default)]
struct LastWriteWins;

#[async_trait]
impl Fault for LastWriteWins {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        memory.commit(at_any_version(commit)).await
    }
}

/// The version is looked at, then the lock is let go, then the events are written.
#[derive(Default)]
struct CheckThenWrite;

#[async_trait]
impl Fault for CheckThenWrite {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        for append in &commit.appends {
            let actual = memory.head(append.stream).await?.map_or(0, |head| head.version);
            append.expected.check(append.stream, actual)?;
        }
        sleep(A_MOMENT).await;
        memory.commit(at_any_version(commit)).await
    }
}

fn at_any_version(mut commit: Commit) -> Commit {
    commit.appends.iter_mut().for_each(|append: &mut Append| append.expected = Expected::Any);
    commit
}

/// Nobody looks at the claims.
#[derive(Default)]
struct LostClaim;

#[async_trait]
impl Fault for LostClaim {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        memory.commit(Commit { claims: Vec::new(), ..commit }).await
    }
}

/// A key once taken is never given back.
#[derive(Default)]
struct KeptClaim;

#[async_trait]
impl Fault for KeptClaim {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        commit.claims.retain(|claim| matches!(claim, Claim::Take { .. }));
        memory.commit(commit).await
    }
}

/// Anybody gives back anybody's key: `DELETE … WHERE key = ?`.
#[derive(Default)]
struct ReleaseByAnybody(Mutex<HashMap<String, Uuid>>);

#[async_trait]
impl Fault for ReleaseByAnybody {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        {
            let mut owners = self.0.lock().expect("nothing panics while it is held");
            for claim in &mut commit.claims {
                match claim {
                    Claim::Take { key, owner } => {
                        owners.entry(key.to_stored()).or_insert(*owner);
                    }
                    Claim::Release { key, owner } => {
                        *owner = owners.remove(&key.to_stored()).unwrap_or(*owner);
                    }
                }
            }
        }
        memory.commit(commit).await
    }
}

/// Rows are written by a projection that follows the log.
#[derive(Default)]
struct LaggingRows;

#[async_trait]
impl Fault for LaggingRows {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        let rows = std::mem::take(&mut commit.rows);
        let committed = memory.commit(commit).await?;
        let memory = memory.clone();
        tokio::spawn(async move {
            sleep(A_MOMENT).await;
            memory.commit(Commit { rows, ..Commit::default() }).await
        });
        Ok(committed)
    }
}

/// The data key stays.
#[derive(Default)]
struct ForgottenShredding;

#[async_trait]
impl Fault for ForgottenShredding {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        memory.commit(Commit { shred: Vec::new(), ..commit }).await
    }
}

/// JSON is parsed and written anew, as a `jsonb` column does.
#[derive(Default)]
struct RewrittenData;

#[async_trait]
impl Fault for RewrittenData {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        for event in commit.appends.iter_mut().flat_map(|append| &mut append.events) {
            let value: serde_json::Value = event.data.read().expect("the data are JSON");
            event.data = EventData::from_stored(value.to_string());
        }
        memory.commit(commit).await
    }
}

/// Times are kept in milliseconds.
#[derive(Default)]
struct CoarseTimes;

#[async_trait]
impl Fault for CoarseTimes {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        for event in commit.appends.iter_mut().flat_map(|append| &mut append.events) {
            let millis = event.recorded_at.timestamp_millis();
            event.recorded_at =
                chrono::DateTime::from_timestamp_millis(millis).expect("it was a time before");
        }
        memory.commit(commit).await
    }
}

/// No sealed part and an empty one are one.
#[derive(Default)]
struct EmptyIsAbsent;

#[async_trait]
impl Fault for EmptyIsAbsent {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        for event in commit.appends.iter_mut().flat_map(|append| &mut append.events) {
            event.personal = event.personal.take().filter(|sealed| !sealed.as_bytes().is_empty());
        }
        memory.commit(commit).await
    }
}

crate::caught! {
    a_dual_write_is_caught: Store<DualWrite>, Store<Sound> => [
        event_store::a_commit_whose_key_is_taken_leaves_nothing,
        event_store::of_racing_takers_of_one_key_one_wins,
    ]
    a_dual_write_with_the_rows_first_is_caught: Store<RowsFirst>, Store<Sound> => [
        event_store::a_commit_that_conflicts_leaves_nothing,
        event_store::an_append_without_events_is_refused,
        event_store::two_appends_to_one_stream_are_refused,
    ]
    a_commit_stream_by_stream_is_caught: Store<StreamByStream>, Store<Sound> => [
        event_store::a_commit_that_conflicts_leaves_nothing,
        event_store::two_appends_to_one_stream_are_refused,
    ]
    last_write_wins_is_caught: Store<LastWriteWins>, Store<Sound> => [
        event_store::a_stale_version_conflicts_and_names_both_versions,
        event_store::a_version_that_is_not_reached_yet_conflicts,
        event_store::a_stream_expected_to_be_new_conflicts_when_it_has_events,
        event_store::of_racing_writers_on_one_version_one_wins,
        event_store::a_commit_that_conflicts_leaves_nothing,
    ]
    a_version_checked_before_the_write_is_caught: Store<CheckThenWrite>, Store<Sound> => [
        event_store::of_racing_writers_on_one_version_one_wins,
        event_store::of_racing_writers_on_a_new_stream_one_wins,
        event_store::of_racing_commits_of_two_streams_one_has_both,
    ]
    a_lost_claim_is_caught: Store<LostClaim>, Store<Sound> => [
        event_store::a_key_that_another_owner_holds_is_refused,
        event_store::keys_are_one_whatever_their_letter_case,
        event_store::of_racing_takers_of_one_key_one_wins,
        event_store::everything_outlives_a_restart,
    ]
    a_claim_that_is_never_given_back_is_caught: Store<KeptClaim>, Store<Sound> => [
        event_store::a_released_key_can_be_taken_again,
        event_store::a_key_changes_hands_in_one_commit,
        event_store::two_owners_swap_keys_in_one_commit,
        event_store::a_key_taken_and_released_in_one_commit_is_free,
    ]
    a_release_by_a_stranger_is_caught: Store<ReleaseByAnybody>, Store<Sound> => [
        event_store::releasing_another_owners_key_changes_nothing,
    ]
    rows_that_lag_behind_the_log_are_caught: Store<LaggingRows>, Store<Sound> => [
        event_store::every_read_sees_what_was_just_committed,
        users::a_put_user_is_found_by_id_address_and_username,
    ]
    a_forgotten_shredding_is_caught: Store<ForgottenShredding>, Store<Sound> => [
        subject_keys::a_shredded_key_is_never_found_again,
        subject_keys::a_key_put_and_shredded_in_one_commit_is_not_found,
    ]
    rewritten_event_data_are_caught: Store<RewrittenData>, Store<Sound> => [
        event_store::event_data_keep_white_space_escapes_and_key_order,
    ]
    times_in_milliseconds_are_caught: Store<CoarseTimes>, Store<Sound> => [
        event_store::an_event_reads_back_as_it_was_written,
        event_store::times_long_past_and_far_ahead_read_back,
    ]
    an_empty_sealed_part_that_vanishes_is_caught: Store<EmptyIsAbsent>, Store<Sound> => [
        event_store::absent_empty_and_arbitrary_sealed_parts_stay_apart,
    ]
}

/// What makes this fault dangerous: the cases that do not race let it pass.
#[test]
fn a_version_checked_before_the_write_passes_without_a_race() {
    use portcullis_contract::{event_store, run};

    run(
        "versions",
        event_store::a_stale_version_conflicts_and_names_both_versions::<Store<CheckThenWrite>>(),
    );
    run("atomicity", event_store::a_commit_that_conflicts_leaves_nothing::<Store<CheckThenWrite>>());
}
