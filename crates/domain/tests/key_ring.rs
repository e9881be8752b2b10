//! The key ring on a store: its first keys, races for a rotation, and changes of the master key, finished or cut off.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use portcullis_domain::{
    commit::{Commit, RowChange},
    id::SubjectId,
    key_ring::{
        KeyRingError, Lifetimes, RewrapError, Rewrapped, SealedSigningKey, open_key_ring, read_key_ring,
        rewrap, rotate_key_ring,
    },
    port::{EventStore, KeyReplacement, SigningKeys, StoreError, SubjectKeys},
    seal::{DataKey, MasterKey, Sealed, SubjectKey},
    testing::SeededEntropy,
};
use portcullis_memory::Memory;
use uuid::Uuid;

const LIFETIMES: Lifetimes =
    Lifetimes { access: Duration::from_secs(30 * 60), refresh: Duration::from_secs(7 * 24 * 60 * 60) };
const REPLICAS: usize = 10;
const PEOPLE: usize = 1_203;

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_replicas_that_start_at_once_share_two_keys() {
    let (memory, entropy) = (Arc::new(Memory::new()), Arc::new(SeededEntropy::new(1)));
    let master = MasterKey::generate(entropy.as_ref());
    let starts = (0..REPLICAS).map(|_| {
        let (memory, entropy, master) = (memory.clone(), entropy.clone(), master.clone());
        tokio::spawn(async move {
            open_key_ring(memory.as_ref(), &master, LIFETIMES, entropy.as_ref(), now()).await.expect("opens")
        })
    });
    let mut rings = Vec::new();
    for start in starts.collect::<Vec<_>>() {
        rings.push(start.await.expect("no panic"));
    }
    for ring in &rings {
        let keys = |ring: &portcullis_domain::key_ring::KeyRing| {
            ring.keys().iter().map(|key| (key.key.epoch(), *key.key.expose())).collect::<Vec<_>>()
        };
        assert_eq!(keys(ring), keys(&rings[0]));
        assert_eq!(ring.epoch(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_replicas_that_rotate_at_once_yield_one_new_key() {
    let (memory, entropy) = (Arc::new(Memory::new()), Arc::new(SeededEntropy::new(2)));
    let master = MasterKey::generate(entropy.as_ref());
    for round in 0..20 {
        let ring =
            open_key_ring(memory.as_ref(), &master, LIFETIMES, entropy.as_ref(), now()).await.expect("opens");
        let barrier = Arc::new(tokio::sync::Barrier::new(REPLICAS));
        let rotations = (0..REPLICAS).map(|_| {
            let (memory, entropy, master) = (memory.clone(), entropy.clone(), master.clone());
            let (ring, barrier) = (ring.clone(), barrier.clone());
            tokio::spawn(async move {
                barrier.wait().await;
                rotate_key_ring(memory.as_ref(), &ring, &master, entropy.as_ref(), now())
                    .await
                    .expect("writes")
            })
        });
        let mut rotated = 0;
        for rotation in rotations.collect::<Vec<_>>() {
            rotated += u32::from(rotation.await.expect("no panic"));
        }
        assert_eq!(rotated, 1, "who was told that they rotated");
        assert_eq!(SigningKeys::list(memory.as_ref()).await.expect("reads").len(), 3 + round);
    }
}

#[tokio::test]
async fn a_database_of_one_key_keeps_it_active_and_gets_a_next_one() {
    let (memory, entropy) = (Memory::new(), SeededEntropy::new(3));
    let master = MasterKey::generate(&entropy);
    let old = portcullis_domain::key_ring::SigningKey::generate(1, &entropy);
    memory.insert(old.seal(&master, &entropy, now() - TimeDelta::days(400))).await.expect("writes");
    let ring = open_key_ring(&memory, &master, LIFETIMES, &entropy, now()).await.expect("opens");
    assert_eq!(ring.active().map(|key| *key.key.expose()), Some(*old.expose()));
    assert_eq!(ring.epoch(), 2);
}

#[tokio::test]
async fn a_wrong_master_key_adds_no_key() {
    let (memory, entropy) = (Memory::new(), SeededEntropy::new(4));
    let (master, wrong) = (MasterKey::generate(&entropy), MasterKey::generate(&entropy));
    let key = portcullis_domain::key_ring::SigningKey::generate(1, &entropy);
    memory.insert(key.seal(&master, &entropy, now())).await.expect("writes");
    let refused = open_key_ring(&memory, &wrong, LIFETIMES, &entropy, now()).await;
    assert!(matches!(refused, Err(KeyRingError::WrongMasterKey(_))));
    assert_eq!(SigningKeys::list(&memory).await.expect("reads").len(), 1);
}

/// A store of a ring and people, all sealed with `old`.
struct Installation {
    memory: Arc<Memory>,
    entropy: SeededEntropy,
    old: MasterKey,
    new: MasterKey,
    people: Vec<(SubjectId, DataKey)>,
}

impl Installation {
    async fn new(seed: u64, people: usize) -> Self {
        let (memory, entropy) = (Arc::new(Memory::new()), SeededEntropy::new(seed));
        let (old, new) = (MasterKey::generate(&entropy), MasterKey::generate(&entropy));
        open_key_ring(memory.as_ref(), &old, LIFETIMES, &entropy, now()).await.expect("opens");
        let mut installation = Self { memory, entropy, old, new, people: Vec::new() };
        for _ in 0..people {
            let old = installation.old.clone();
            installation.add_person(&old).await;
        }
        installation
    }

    fn both(&self) -> MasterKey {
        self.new.clone().with_previous(&self.old)
    }

    async fn add_person(&mut self, master: &MasterKey) {
        let number = u128::try_from(self.people.len()).expect("few people");
        let subject = SubjectId::new(Uuid::from_u128(number + 1));
        let key = DataKey::generate(&self.entropy);
        let rows = vec![RowChange::PutSubjectKey(master.wrap(subject, &key, &self.entropy))];
        self.memory.commit(Commit { rows, ..Commit::default() }).await.expect("writes");
        self.people.push((subject, key));
    }

    /// How many keys of people open with a master key, to what they were.
    async fn readable(&self, master: &MasterKey) -> usize {
        let mut count = 0;
        for (subject, key) in &self.people {
            let wrapped =
                SubjectKeys::find(self.memory.as_ref(), *subject).await.expect("reads").expect("is there");
            if let Ok(opened) = master.unwrap(&wrapped) {
                assert_eq!(opened.derive("test", b""), key.derive("test", b""));
                count += 1;
            }
        }
        count
    }

    async fn ring_opens(&self, master: &MasterKey) -> Result<u32, KeyRingError> {
        let sealed = SigningKeys::list(self.memory.as_ref()).await.expect("reads");
        read_key_ring(&sealed, master, LIFETIMES).map(|ring| ring.epoch())
    }
}

#[tokio::test]
async fn a_changed_master_key_opens_everything_and_the_old_one_nothing() {
    let installation = Installation::new(5, PEOPLE).await;
    let memory = installation.memory.as_ref();
    let done = rewrap(memory, memory, &installation.both(), &installation.entropy).await.expect("done");
    assert_eq!(done, Rewrapped { signing_keys: 2, subject_keys: u64::try_from(PEOPLE).expect("few") });
    assert_eq!(installation.readable(&installation.new).await, PEOPLE);
    assert_eq!(installation.readable(&installation.old).await, 0);
    assert!(matches!(installation.ring_opens(&installation.new).await, Ok(2)));
    assert!(matches!(installation.ring_opens(&installation.old).await, Err(KeyRingError::WrongMasterKey(_))));
    let again = rewrap(memory, memory, &installation.both(), &installation.entropy).await.expect("done");
    assert_eq!(again, Rewrapped::default());
}

#[tokio::test]
async fn a_master_key_that_sealed_nothing_here_changes_nothing() {
    let installation = Installation::new(6, 3).await;
    let memory = installation.memory.as_ref();
    let stranger = MasterKey::generate(&installation.entropy);
    let wrong = installation.new.clone().with_previous(&stranger);
    let refused = rewrap(memory, memory, &wrong, &installation.entropy).await;
    assert!(matches!(refused, Err(RewrapError::WrongMasterKeys)));
    assert_eq!(installation.readable(&installation.old).await, 3);
    assert!(matches!(installation.ring_opens(&installation.old).await, Ok(2)));
}

#[tokio::test]
async fn what_others_seal_with_the_old_key_meanwhile_is_sealed_anew_too() {
    let mut installation = Installation::new(7, 2).await;
    let memory = installation.memory.clone();
    rewrap(memory.as_ref(), memory.as_ref(), &installation.both(), &installation.entropy)
        .await
        .expect("done");
    // A replica that has the keys the other way round.
    let theirs = installation.old.clone().with_previous(&installation.new);
    installation.add_person(&theirs).await;
    let sealed = SigningKeys::list(memory.as_ref()).await.expect("reads");
    let ring = read_key_ring(&sealed, &theirs, LIFETIMES).expect("opens");
    assert!(
        rotate_key_ring(memory.as_ref(), &ring, &theirs, &installation.entropy, now()).await.expect("writes")
    );
    let done = rewrap(memory.as_ref(), memory.as_ref(), &installation.both(), &installation.entropy).await;
    assert_eq!(done.expect("done"), Rewrapped { signing_keys: 1, subject_keys: 1 });
    assert_eq!(installation.readable(&installation.new).await, 3);
    assert!(matches!(installation.ring_opens(&installation.new).await, Ok(3)));
}

/// A store that is gone after so many writes: the process was killed.
struct Killed {
    memory: Arc<Memory>,
    left: AtomicUsize,
}

impl Killed {
    fn spend(&self) -> Result<(), StoreError> {
        let spent = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        spent.map(|_| ()).map_err(|_| StoreError::unavailable("killed"))
    }
}

#[async_trait]
impl SigningKeys for Killed {
    async fn list(&self) -> Result<Vec<SealedSigningKey>, StoreError> {
        SigningKeys::list(self.memory.as_ref()).await
    }

    async fn insert(&self, key: SealedSigningKey) -> Result<bool, StoreError> {
        self.spend()?;
        self.memory.insert(key).await
    }

    async fn replace(&self, from: SealedSigningKey, to: Sealed) -> Result<bool, StoreError> {
        self.spend()?;
        SigningKeys::replace(self.memory.as_ref(), from, to).await
    }
}

#[async_trait]
impl SubjectKeys for Killed {
    async fn find(&self, subject: SubjectId) -> Result<Option<SubjectKey>, StoreError> {
        SubjectKeys::find(self.memory.as_ref(), subject).await
    }

    async fn list(&self, after: Option<SubjectId>, limit: usize) -> Result<Vec<SubjectKey>, StoreError> {
        SubjectKeys::list(self.memory.as_ref(), after, limit).await
    }

    async fn replace(&self, replacements: Vec<KeyReplacement>) -> Result<u64, StoreError> {
        self.spend()?;
        SubjectKeys::replace(self.memory.as_ref(), replacements).await
    }
}

/// Two signing keys and three batches of people: five writes, and a kill before each of them.
#[tokio::test]
async fn a_change_that_is_cut_off_anywhere_is_told_and_finished_by_another_run() {
    for writes in 0..5 {
        let installation = Installation::new(8, PEOPLE).await;
        let killed = Killed { memory: installation.memory.clone(), left: AtomicUsize::new(writes) };
        let cut_off = rewrap(&killed, &killed, &installation.both(), &installation.entropy).await;
        assert!(matches!(cut_off, Err(RewrapError::Store(_))), "after {writes} writes: {cut_off:?}");

        // With both keys nobody notices; with one alone nobody starts, unless nothing has happened yet.
        assert_eq!(installation.readable(&installation.both()).await, PEOPLE, "after {writes} writes");
        assert!(installation.ring_opens(&installation.both()).await.is_ok());
        if writes == 0 {
            assert_eq!(installation.readable(&installation.old).await, PEOPLE);
        } else {
            for one in [&installation.old, &installation.new] {
                assert!(matches!(installation.ring_opens(one).await, Err(KeyRingError::HalfRewrapped)));
            }
        }

        let memory = installation.memory.as_ref();
        rewrap(memory, memory, &installation.both(), &installation.entropy).await.expect("done");
        assert_eq!(installation.readable(&installation.new).await, PEOPLE, "after {writes} writes");
        assert!(installation.ring_opens(&installation.new).await.is_ok());
    }
}
