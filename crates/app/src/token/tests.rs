use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use chrono::TimeDelta;
use portcullis_domain::{
    Policy,
    caller::Role,
    id::{SessionId, TokenId, UserId},
    key_ring::SigningKey,
    port::StoreError,
    seal::Sealed,
    testing::SeededEntropy,
};
use portcullis_memory::{Memory, OsEntropy, SystemClock};
use uuid::Uuid;

use super::*;

/// Keys in memory, how often they were read, and whether that goes wrong.
#[derive(Default)]
struct Keys {
    memory: Memory,
    reads: AtomicUsize,
    is_away: AtomicBool,
    hangs: AtomicBool,
}

#[async_trait]
impl SigningKeys for Keys {
    async fn list(&self) -> Result<Vec<SealedSigningKey>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if self.is_away.load(Ordering::Relaxed) {
            return Err(StoreError::unavailable("it is away"));
        }
        SigningKeys::list(&self.memory).await
    }

    async fn insert(&self, key: SealedSigningKey) -> Result<bool, StoreError> {
        SigningKeys::insert(&self.memory, key).await
    }

    async fn replace(&self, from: SealedSigningKey, to: Sealed) -> Result<bool, StoreError> {
        self.memory.replace(from, to).await
    }
}

impl RingTokens {
    /// With keys of its own, in memory.
    pub(crate) fn of_memory() -> Arc<Self> {
        let keys = [1, 2].map(|epoch| SigningKey::generate(epoch, &OsEntropy));
        Arc::new(Self::replica(&Arc::new(Memory::new()), keys, 1))
    }

    /// One of those that share a store, and began with these keys.
    fn replica<K: SigningKeys + 'static>(store: &Arc<K>, keys: [SigningKey; 2], seed: u64) -> Self {
        let lifetimes = Lifetimes::of(&Policy::default());
        let source = KeySource {
            keys: Arc::<K>::clone(store),
            master_key: MasterKey::generate(&SeededEntropy::new(1)),
            lifetimes,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SeededEntropy::new(seed)),
        };
        let ring = KeyRing::new(keys.map(|key| (key, SystemClock.now())), lifetimes);
        Self::new(ring, source, None, "portcullis", "portcullis").expect("good keys and names")
    }

    async fn rotate(&self) {
        let KeySource { keys, master_key, entropy, .. } = &self.source;
        let mut seen = self.seen.lock().await;
        let rotated = rotate_key_ring(keys.as_ref(), &seen.ring, master_key, entropy.as_ref(), self.now());
        assert!(rotated.await.expect("writes"));
        self.look(&mut seen).await.expect("reads");
    }

    fn issue(&self) -> Secret {
        let now = self.now();
        self.issue_access(&AccessClaims {
            user: UserId::new(Uuid::from_u128(1)),
            session: SessionId::new(Uuid::from_u128(2)),
            token: TokenId::new(Uuid::from_u128(3)),
            role: Role::User,
            permissions: Vec::new(),
            company: None,
            issued_at: now,
            expires_at: now + TimeDelta::minutes(30),
        })
    }
}

/// Two replicas that have the same keys, and their store.
async fn replicas() -> (RingTokens, RingTokens, Arc<Keys>) {
    let store = Arc::new(Keys::default());
    let entropy = SeededEntropy::new(2);
    let keys = || [1, 2].map(|epoch| SigningKey::new(epoch, [u8::try_from(epoch).expect("small"); 64]));
    for key in keys() {
        let sealed = key.seal(&MasterKey::generate(&SeededEntropy::new(1)), &entropy, SystemClock.now());
        assert!(store.insert(sealed).await.expect("writes"));
    }
    (RingTokens::replica(&store, keys(), 3), RingTokens::replica(&store, keys(), 4), store)
}

#[tokio::test]
async fn a_key_made_a_moment_after_another_is_waited_for() {
    let (one, other, _) = replicas().await;
    for _ in 0..3 {
        one.rotate().await;
        one.rotate().await;
        let token = one.issue();
        assert!(other.verify_access(&token, other.now()).is_err(), "it has not heard of the key");
        assert!(other.learn_key(&token).await.expect("reads"), "a good token is refused");
        other.verify_access(&token, other.now()).expect("good");
    }
}

#[tokio::test]
async fn made_up_names_of_keys_share_a_look_whatever_their_number() {
    let (one, _, store) = replicas().await;
    let (_, stranger, _) = replicas().await;
    stranger.rotate().await;
    stranger.rotate().await;
    let (one, token) = (Arc::new(one), stranger.issue());
    store.reads.store(0, Ordering::Relaxed);
    let asking: Vec<_> = (0..200)
        .map(|_| {
            let (one, token) = (one.clone(), Secret::new(token.expose()));
            tokio::spawn(async move { one.learn_key(&token).await })
        })
        .collect();
    for asked in asking {
        assert!(!asked.await.expect("it ends").expect("reads"), "nobody knows it");
    }
    // One for who came first, and one for all who came while it was made.
    let reads = store.reads.load(Ordering::Relaxed);
    assert!((1..=2).contains(&reads), "{reads}");
}

#[tokio::test]
async fn while_the_keys_cannot_be_read_no_token_is_called_bad() {
    let (one, other, store) = replicas().await;
    one.rotate().await;
    one.rotate().await;
    let token = one.issue();
    store.is_away.store(true, Ordering::Relaxed);
    assert!(matches!(other.learn_key(&token).await, Err(StoreError::Unavailable(_))));
    store.is_away.store(false, Ordering::Relaxed);
    assert!(other.learn_key(&token).await.expect("reads"));
}

#[tokio::test]
async fn a_look_that_is_broken_off_has_served_nobody() {
    let (one, other, store) = replicas().await;
    one.rotate().await;
    one.rotate().await;
    let (other, token) = (Arc::new(other), one.issue());
    store.hangs.store(true, Ordering::Relaxed);
    let learning = |token: &Secret| {
        let (other, token) = (other.clone(), Secret::new(token.expose()));
        tokio::spawn(async move { other.learn_key(&token).await })
    };
    let hung_up = learning(&token);
    while store.reads.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // They ask while the look is under way, and wait for it.
    let waiting = learning(&token);
    tokio::time::sleep(Duration::from_millis(50)).await;
    store.hangs.store(false, Ordering::Relaxed);
    hung_up.abort();
    assert!(waiting.await.expect("it ends").expect("reads"), "a good token is refused");
}
