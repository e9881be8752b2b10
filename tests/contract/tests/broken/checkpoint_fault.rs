//! Faults in the keeping and the signing of checkpoints, and the cases that catch them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::SubsecRound;
use portcullis_contract::CheckpointKeysHarness;
use portcullis_domain::{
    checkpoint::{Signature, SignedCheckpoint},
    event::Version,
    id::StreamId,
    port::{
        CheckpointSigner, CheckpointVerifier, Checkpoints, Covering, PublicKey, SignatureError, StoreError,
    },
    testing::PlainKeys,
};
use portcullis_memory::Memory;
use tokio::time::sleep;

use crate::store::{A_MOMENT, Fault, Sound, Store};

/// Everybody is told that theirs is in.
#[derive(Default)]
struct UncountedCheckpoint;

#[async_trait]
impl Fault for UncountedCheckpoint {
    async fn insert_checkpoint(&self, memory: &Memory, new: &SignedCheckpoint) -> Result<bool, StoreError> {
        Checkpoints::insert(memory, new).await?;
        Ok(true)
    }
}

/// The newest is looked up, then the lock is let go, then the new one is written, whatever is there by then.
#[derive(Default)]
struct LookedUpFirst(Mutex<Vec<SignedCheckpoint>>);

#[async_trait]
impl Fault for LookedUpFirst {
    async fn list_checkpoints(
        &self,
        _memory: &Memory,
        after: u64,
        limit: usize,
    ) -> Result<Vec<SignedCheckpoint>, StoreError> {
        let all = self.0.lock().expect("whole").clone();
        Ok(all.into_iter().filter(|one| one.checkpoint.number > after).take(limit).collect())
    }

    async fn insert_checkpoint(&self, _memory: &Memory, new: &SignedCheckpoint) -> Result<bool, StoreError> {
        let newest = self.0.lock().expect("whole").last().map_or(0, |one| one.checkpoint.number);
        if new.checkpoint.number != newest + 1 {
            return Ok(false);
        }
        sleep(A_MOMENT).await;
        self.0.lock().expect("whole").push(new.clone());
        Ok(true)
    }
}

/// Times are kept to the second.
#[derive(Default)]
struct WholeSeconds;

#[async_trait]
impl Fault for WholeSeconds {
    async fn list_checkpoints(
        &self,
        memory: &Memory,
        after: u64,
        limit: usize,
    ) -> Result<Vec<SignedCheckpoint>, StoreError> {
        let mut all = Checkpoints::list(memory, after, limit).await?;
        for one in &mut all {
            one.checkpoint.made_at = one.checkpoint.made_at.trunc_subsecs(0);
        }
        Ok(all)
    }
}

/// The newest one covers everything.
#[derive(Default)]
struct NewestCovers;

#[async_trait]
impl Fault for NewestCovers {
    async fn covering(
        &self,
        memory: &Memory,
        stream: StreamId,
        version: Version,
    ) -> Result<Option<Covering>, StoreError> {
        let covering = memory.covering(stream, version).await?;
        let newest = memory.newest().await?;
        Ok(covering.zip(newest).map(|(covering, signed)| Covering { signed, ..covering }))
    }
}

/// What comes before the first place covers it too.
#[derive(Default)]
struct OneTooFar;

#[async_trait]
impl Fault for OneTooFar {
    async fn covering(
        &self,
        memory: &Memory,
        stream: StreamId,
        version: Version,
    ) -> Result<Option<Covering>, StoreError> {
        memory.covering(stream, version.saturating_sub(1).max(1)).await
    }
}

/// A harness of keys with a fault in their check.
struct Checked<V>(PlainKeys, V);

trait Check: Default + Send + Sync + 'static {
    fn check(
        &self,
        keys: &PlainKeys,
        id: &str,
        bytes: &[u8],
        signature: &Signature,
    ) -> Result<(), SignatureError>;
}

#[derive(Default)]
struct Whole;

impl Check for Whole {
    fn check(
        &self,
        keys: &PlainKeys,
        id: &str,
        bytes: &[u8],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        keys.verify(id, bytes, signature)
    }
}

/// Half of a signature will do.
#[derive(Default)]
struct Half;

impl Check for Half {
    fn check(
        &self,
        keys: &PlainKeys,
        id: &str,
        bytes: &[u8],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        if id != keys.key_id() {
            return Err(SignatureError::UnknownKey);
        }
        let is_alike = keys.sign(bytes).as_bytes()[..32] == signature.as_bytes()[..32];
        if is_alike { Ok(()) } else { Err(SignatureError::Invalid) }
    }
}

/// Whatever key is named, it checks with its own.
#[derive(Default)]
struct AnyName;

impl Check for AnyName {
    fn check(
        &self,
        keys: &PlainKeys,
        _id: &str,
        bytes: &[u8],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        keys.verify(&keys.key_id(), bytes, signature)
    }
}

impl<V: Check> CheckpointSigner for Checked<V> {
    fn key_id(&self) -> String {
        self.0.key_id()
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        self.0.sign(bytes)
    }
}

impl<V: Check> CheckpointVerifier for Checked<V> {
    fn verify(&self, key_id: &str, bytes: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        self.1.check(&self.0, key_id, bytes, signature)
    }

    fn public_keys(&self) -> Vec<PublicKey> {
        self.0.public_keys()
    }
}

struct Keys<V>(Arc<Checked<V>>);

impl<V: Check> CheckpointKeysHarness for Keys<V> {
    fn start() -> Self {
        static NEXT: Mutex<u64> = Mutex::new(0);
        let mut next = NEXT.lock().expect("whole");
        *next += 1;
        Self(Arc::new(Checked(PlainKeys::new(*next), V::default())))
    }

    fn signer(&self) -> Arc<dyn CheckpointSigner> {
        self.0.clone()
    }

    fn verifier(&self) -> Arc<dyn CheckpointVerifier> {
        self.0.clone()
    }

    fn of_public_keys(keys: &[PublicKey]) -> Arc<dyn CheckpointVerifier> {
        let number = keys[0].key.parse().expect("a number");
        Arc::new(Checked(PlainKeys::new(number), V::default()))
    }
}

crate::caught! {
    a_store_that_does_not_count_what_it_inserted_is_caught: Store<UncountedCheckpoint>, Store<Sound> => [
        checkpoints::a_second_checkpoint_of_a_number_changes_nothing,
        checkpoints::a_checkpoint_beyond_a_gap_changes_nothing,
        checkpoints::of_racing_checkpoints_one_is_inserted,
    ]
    a_store_that_looks_before_it_inserts_is_caught: Store<LookedUpFirst>, Store<Sound> => [
        checkpoints::of_racing_checkpoints_one_is_inserted,
    ]
    a_store_that_rounds_times_is_caught: Store<WholeSeconds>, Store<Sound> => [
        checkpoints::a_checkpoint_reads_back_as_it_was_written,
        checkpoints::checkpoints_outlive_a_restart,
        checkpoints::checkpoints_are_listed_in_pages_in_the_order_of_their_numbers,
    ]
    a_store_that_takes_the_newest_checkpoint_is_caught: Store<NewestCovers>, Store<Sound> => [
        checkpoints::the_checkpoint_that_covers_an_event_is_found,
    ]
    a_store_that_takes_an_event_for_the_one_before_it_is_caught: Store<OneTooFar>, Store<Sound> => [
        checkpoints::the_checkpoint_that_covers_an_event_is_found,
    ]
    a_check_of_half_a_signature_is_caught: Keys<Half>, Keys<Whole> => [
        checkpoint_verifier::another_signature_is_invalid,
    ]
    a_check_under_any_name_is_caught: Keys<AnyName>, Keys<Whole> => [
        checkpoint_verifier::a_strangers_key_is_unknown,
    ]
}
