//! Faults in the changes that are no events, and the cases that catch them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use portcullis_domain::{
    commit::{Commit, CommitError, Committed, RowChange},
    id::OneTimeCodeId,
    key_ring::SealedSigningKey,
    port::{
        EventStore, FeedCursor, OneTimeCodes, RotateOutcome, Rotation, Sessions, SigningKeys, StoreError,
        Subscriptions,
    },
    verification::OneTimeCode,
};
use portcullis_memory::Memory;
use tokio::time::sleep;
use uuid::Uuid;

use crate::store::{A_MOMENT, Fault, Sound, Store};

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
        session.origin = rotation.origin;
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

pub(crate) async fn put(memory: &Memory, row: RowChange) {
    let commit = Commit { rows: vec![row], ..Commit::default() };
    memory.commit(commit).await.expect("memory takes any row");
}

/// Everybody is told that their key is in: `INSERT … ON CONFLICT DO NOTHING`, and nobody counts the rows.
#[derive(Default)]
struct UncountedInsert;

#[async_trait]
impl Fault for UncountedInsert {
    async fn insert(&self, memory: &Memory, key: SealedSigningKey) -> Result<bool, StoreError> {
        SigningKeys::insert(memory, key).await?;
        Ok(true)
    }
}

/// The last report counts, not the furthest.
#[derive(Default)]
struct CursorMovesBack;

#[async_trait]
impl Fault for CursorMovesBack {
    async fn advance(
        &self,
        memory: &Memory,
        name: &str,
        holder: Uuid,
        cursor: FeedCursor,
    ) -> Result<bool, StoreError> {
        let is_holder = memory.advance(name, holder, cursor).await?;
        if is_holder {
            memory.rewind(name, cursor).await?;
            memory.lease(name, holder, Duration::from_secs(600)).await?;
        }
        Ok(is_holder)
    }
}

/// Whoever asks takes the lease from whoever has it.
#[derive(Default)]
struct LeaseForAll;

#[async_trait]
impl Fault for LeaseForAll {
    async fn lease(
        &self,
        memory: &Memory,
        name: &str,
        holder: Uuid,
        time_to_live: Duration,
    ) -> Result<Option<FeedCursor>, StoreError> {
        for state in Subscriptions::list(memory).await? {
            if let Some(other) = state.holder {
                memory.release(&state.name, other).await?;
            }
        }
        memory.lease(name, holder, time_to_live).await
    }
}

crate::caught! {
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
    a_lease_for_all_is_caught: Store<LeaseForAll>, Store<Sound> => [
        subscriptions::of_racing_replicas_one_gets_the_lease,
        subscriptions::a_lease_is_renewed_by_its_holder,
    ]
}

/// What makes these faults dangerous: the cases that do not race let them pass.
#[test]
fn rows_read_before_they_are_written_pass_without_a_race() {
    use portcullis_contract::{one_time_codes, run, sessions};

    run("rotation", sessions::a_rotation_moves_a_session_to_its_next_generation::<Store<ReadThenRotate>>());
    run("attempts", one_time_codes::attempts_count_over_the_codes_life::<Store<ReadThenCount>>());
}
