//! Faults of stores, and the cases that catch them.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use portcullis_domain::{
    commit::{Append, Claim, Commit, CommitError, Committed, Expected, RowChange},
    event::{Event, EventData, EventHash, Version},
    id::{OneTimeCodeId, StreamId},
    key_ring::SealedSigningKey,
    port::{
        EventStore, FeedCursor, FeedItem, OneTimeCodes, RotateOutcome, Rotation, Sessions, SigningKeys,
        StoreError,
    },
    verification::OneTimeCode,
};
use portcullis_memory::Memory;
use tokio::{sync::Notify, time::sleep};
use uuid::Uuid;

use crate::store::{Fault, Sound, Store};

/// Long enough that whoever races gets in between.
const A_MOMENT: Duration = Duration::from_millis(2);

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

/// Positions are given out before the commit is visible, so a slow one becomes visible behind a quick one.
#[derive(Default)]
struct GapInTheFeed(Mutex<BTreeSet<u64>>);

#[async_trait]
impl Fault for GapInTheFeed {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        let is_slow = commit.appends.len() > 1;
        let committed = memory.commit(commit).await?;
        if is_slow {
            let positions = || committed.events.iter().map(|event| event.position);
            self.hidden().extend(positions());
            sleep(A_MOMENT).await;
            self.hidden().retain(|hidden| !positions().any(|position| position == *hidden));
        }
        Ok(committed)
    }

    async fn read_feed(
        &self,
        memory: &Memory,
        after: FeedCursor,
        limit: usize,
    ) -> Result<Vec<FeedItem>, StoreError> {
        let mut items = memory.read_feed(after, usize::MAX).await?;
        items.retain(|item| !self.hidden().contains(&item.event.position));
        items.truncate(limit);
        Ok(items)
    }
}

impl GapInTheFeed {
    fn hidden(&self) -> std::sync::MutexGuard<'_, BTreeSet<u64>> {
        self.0.lock().expect("nothing panics while it is held")
    }
}

/// The event at the cursor is given again.
#[derive(Default)]
struct CursorOffByOne;

#[async_trait]
impl Fault for CursorOffByOne {
    async fn read_feed(
        &self,
        memory: &Memory,
        after: FeedCursor,
        limit: usize,
    ) -> Result<Vec<FeedItem>, StoreError> {
        let position = after.position.saturating_sub(1);
        memory.read_feed(FeedCursor { position, ..after }, limit).await
    }
}

/// One event is chained to nothing, as when somebody cut the log.
#[derive(Default)]
struct ForkedChain;

#[async_trait]
impl Fault for ForkedChain {
    async fn read_stream(
        &self,
        memory: &Memory,
        stream: StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let mut events = memory.read_stream(stream, after, limit).await?;
        for event in events.iter_mut().filter(|event| event.version == 2) {
            event.prev_hash = EventHash::GENESIS;
            event.hash = event.computed_hash();
        }
        Ok(events)
    }
}

/// Whoever begins to wait after the commit is not told of it.
#[derive(Default)]
struct LostWakeUp(Notify);

#[async_trait]
impl Fault for LostWakeUp {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        let committed = memory.commit(commit).await;
        self.0.notify_waiters();
        committed
    }

    async fn wait(&self, _: &Memory, _: FeedCursor) -> Result<(), StoreError> {
        self.0.notified().await;
        Ok(())
    }
}

/// The session is read, then the lock is let go, then it is written.
#[derive(Default)]
struct ReadThenRotate;

#[async_trait]
impl Fault for ReadThenRotate {
    async fn rotate(&self, memory: &Memory, rotation: Rotation) -> Result<RotateOutcome, StoreError> {
        let session = Sessions::find(memory, rotation.session).await?;
        let live = session.filter(|session| session.is_live(rotation.at));
        let Some(mut session) = live else { return Ok(RotateOutcome::Gone) };
        if session.generation != rotation.from_generation {
            return Ok(RotateOutcome::Stale(session));
        }
        sleep(A_MOMENT).await;
        session.generation += 1;
        session.rotated_at = rotation.at;
        session.last_seen_at = rotation.at;
        session.expires_at = rotation.expires_at;
        put(memory, RowChange::PutSession(session.clone())).await;
        Ok(RotateOutcome::Rotated(session))
    }
}

/// An expired session is brought back to life.
#[derive(Default)]
struct RotationWithoutEnd;

#[async_trait]
impl Fault for RotationWithoutEnd {
    async fn rotate(&self, memory: &Memory, rotation: Rotation) -> Result<RotateOutcome, StoreError> {
        if let Some(mut session) = Sessions::find(memory, rotation.session).await? {
            session.expires_at = rotation.expires_at;
            put(memory, RowChange::PutSession(session)).await;
        }
        memory.rotate(rotation).await
    }
}

/// Attempts are read, then the lock is let go, then they are written.
#[derive(Default)]
struct ReadThenCount(Mutex<HashMap<OneTimeCodeId, OneTimeCode>>);

#[async_trait]
impl Fault for ReadThenCount {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        for row in &commit.rows {
            if let RowChange::PutOneTimeCode(code) = row {
                self.0.lock().expect("nothing panics while it is held").insert(code.id, code.clone());
            }
        }
        memory.commit(commit).await
    }

    async fn take_attempt(&self, memory: &Memory, id: OneTimeCodeId, limit: u32) -> Result<bool, StoreError> {
        let known = self.0.lock().expect("nothing panics while it is held").get(&id).cloned();
        let Some(code) = known else { return Ok(false) };
        let Some(mut code) = OneTimeCodes::find(memory, code.user, code.purpose).await? else {
            return Ok(false);
        };
        if code.attempts >= limit {
            return Ok(false);
        }
        sleep(A_MOMENT).await;
        code.attempts += 1;
        put(memory, RowChange::PutOneTimeCode(code)).await;
        Ok(true)
    }
}

async fn put(memory: &Memory, row: RowChange) {
    let commit = Commit { rows: vec![row], ..Commit::default() };
    memory.commit(commit).await.expect("memory takes any row");
}

/// Everybody is told that their key is in: `INSERT … ON CONFLICT DO NOTHING`, and nobody counts the rows.
#[derive(Default)]
struct UncountedInsert;

#[async_trait]
impl Fault for UncountedInsert {
    async fn insert(&self, memory: &Memory, key: SealedSigningKey) -> Result<bool, StoreError> {
        memory.insert(key).await?;
        Ok(true)
    }
}

/// The last report counts, not the furthest.
#[derive(Default)]
struct CursorMovesBack(Mutex<HashMap<String, FeedCursor>>);

#[async_trait]
impl Fault for CursorMovesBack {
    async fn cursor(&self, _: &Memory, name: &str) -> Result<FeedCursor, StoreError> {
        Ok(self.0.lock().expect("nothing panics while it is held").get(name).copied().unwrap_or_default())
    }

    async fn advance(&self, _: &Memory, name: &str, cursor: FeedCursor) -> Result<(), StoreError> {
        self.0.lock().expect("nothing panics while it is held").insert(name.to_owned(), cursor);
        Ok(())
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
    a_gap_in_the_feed_is_caught: Store<GapInTheFeed>, Store<Sound> => [
        event_store::a_reader_beside_racing_writers_misses_nothing,
    ]
    a_cursor_off_by_one_is_caught: Store<CursorOffByOne>, Store<Sound> => [
        event_store::the_feed_is_the_same_in_pages_of_any_size,
        event_store::a_reader_beside_racing_writers_misses_nothing,
    ]
    a_forked_chain_is_caught: Store<ForkedChain>, Store<Sound> => [
        event_store::every_event_is_chained_to_the_one_before_it,
        event_store::the_chain_holds_under_racing_writers,
    ]
    a_lost_wake_up_is_caught: Store<LostWakeUp>, Store<Sound> => [
        event_store::a_commit_between_reading_and_waiting_is_not_missed,
    ]
    a_rotation_that_reads_before_it_writes_is_caught: Store<ReadThenRotate>, Store<Sound> => [
        sessions::of_racing_rotations_one_is_rotated_and_the_rest_are_stale,
    ]
    a_rotation_that_ignores_the_end_is_caught: Store<RotationWithoutEnd>, Store<Sound> => [
        sessions::a_rotation_of_an_expired_session_is_gone,
        sessions::a_rotation_from_another_generation_changes_nothing,
    ]
    attempts_counted_by_reading_first_are_caught: Store<ReadThenCount>, Store<Sound> => [
        one_time_codes::of_racing_attempts_exactly_the_limit_succeed,
    ]
    an_insert_that_nobody_counts_is_caught: Store<UncountedInsert>, Store<Sound> => [
        signing_keys::a_second_key_of_an_epoch_is_not_inserted,
        signing_keys::of_racing_keys_of_one_epoch_one_is_inserted,
    ]
    a_cursor_that_moves_back_is_caught: Store<CursorMovesBack>, Store<Sound> => [
        subscriptions::a_cursor_never_moves_backwards,
    ]
}

/// What makes these faults dangerous: every case that does not race lets them pass.
#[test]
fn faults_of_timing_pass_the_cases_without_a_race() {
    use portcullis_contract::{event_store, one_time_codes, run, sessions};

    run(
        "versions",
        event_store::a_stale_version_conflicts_and_names_both_versions::<Store<CheckThenWrite>>(),
    );
    run("atomicity", event_store::a_commit_that_conflicts_leaves_nothing::<Store<CheckThenWrite>>());
    run("feed", event_store::the_feed_is_all_streams_together::<Store<GapInTheFeed>>());
    run("rotation", sessions::a_rotation_moves_a_session_to_its_next_generation::<Store<ReadThenRotate>>());
    run("attempts", one_time_codes::attempts_count_over_the_codes_life::<Store<ReadThenCount>>());
}
