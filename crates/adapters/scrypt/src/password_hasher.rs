use std::{
    fmt, io,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use async_trait::async_trait;
use portcullis_domain::{
    port::{Entropy, HashError, PasswordHasher, UnreadableHash, Verdict},
    value::{Password, PasswordHash},
};

use crate::{
    hash::{Hash, OUTPUT_LENGTH, SALT_LENGTH, spend},
    parameters::Parameters,
    pool::{Durations, Pool, PoolError, WorkerLost},
    stored::Stored,
};

/// What an operator may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What new hashes cost.
    pub parameters: Parameters,
    /// How many hashes are made at once; each takes a core and [`Parameters::memory`].
    pub threads: NonZeroUsize,
    /// How many may wait for a thread.
    pub queue: usize,
}

/// Hashes passwords with scrypt on its own threads, and checks them against hashes of scrypt, argon2id, argon2i and bcrypt.
pub struct Scrypt {
    parameters: Parameters,
    entropy: Arc<dyn Entropy>,
    pool: Pool,
    /// What a password is checked against where there is no hash: a hash such as one made now, of no password anybody knows.
    decoy: Hash,
    /// Held while a hash is checked that takes more memory than those made now: one such at a time.
    large: Arc<Mutex<()>>,
}

impl Default for Settings {
    /// The default parameters, one thread a core, 64 places in the queue.
    fn default() -> Self {
        Self {
            parameters: Parameters::default(),
            threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            queue: 64,
        }
    }
}

impl Scrypt {
    /// Starts the threads; fails when the system gives none. They end when this is dropped.
    pub fn start(settings: Settings, entropy: Arc<dyn Entropy>) -> io::Result<Self> {
        let pool = Pool::start(settings.threads, settings.queue)?;
        let mut output = [0; OUTPUT_LENGTH];
        entropy.fill(&mut output);
        let decoy = Hash::new(salt(entropy.as_ref()), &output, settings.parameters);
        Ok(Self { parameters: settings.parameters, entropy, pool, decoy, large: Arc::default() })
    }

    /// How many passwords wait for a thread.
    pub fn queue_length(&self) -> usize {
        self.pool.waiting()
    }

    /// How long hashing took so far, without the waiting.
    pub fn durations(&self) -> Durations {
        self.pool.durations()
    }

    async fn matches(&self, password: &Password, hash: Stored) -> Result<bool, HashError> {
        let password = password.clone();
        let cost = hash.cost();
        let large = (cost.memory > self.parameters.memory()).then(|| Arc::clone(&self.large));
        let supplement = self.parameters.supplement(&cost);
        let work = move || {
            // It guards nothing that a panic could leave half done.
            let turn = large.as_ref().map(|large| large.lock().unwrap_or_else(PoisonError::into_inner));
            let matches = hash.matches(&password);
            drop(turn);
            if !matches {
                // A cheaper hash of old would otherwise be refused sooner than an account that there is not.
                for parameters in supplement {
                    spend(&password, parameters);
                }
            }
            matches
        };
        self.pool.run(work).await.map_err(hash_error)
    }
}

#[async_trait]
impl PasswordHasher for Scrypt {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let (password, salt, parameters) = (password.clone(), salt(self.entropy.as_ref()), self.parameters);
        let work = move || Hash::make(&password, salt, parameters).to_phc();
        self.pool.run(work).await.map_err(hash_error)
    }

    async fn verify<'a>(
        &'a self,
        password: &'a Password,
        hash: Option<&'a PasswordHash>,
    ) -> Result<Verdict, HashError> {
        let Some(stored) = hash else {
            // As much work as for a hash made now, and never a match.
            self.matches(password, Stored::Scrypt(self.decoy.clone())).await?;
            return Ok(Verdict::Mismatch);
        };
        let hash =
            Stored::parse(stored, self.parameters).map_err(|error| HashError::Failed(Box::new(error)))?;
        let like_new = hash.is_like_new(self.parameters);
        Ok(match (self.matches(password, hash).await?, like_new) {
            (true, true) => Verdict::Match,
            (true, false) => Verdict::MatchOutdated,
            (false, _) => Verdict::Mismatch,
        })
    }

    fn reads(&self, hash: &PasswordHash) -> Result<(), UnreadableHash> {
        Ok(Stored::parse(hash, self.parameters).map(drop)?)
    }
}

impl fmt::Debug for Scrypt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrypt").field("parameters", &self.parameters).finish_non_exhaustive()
    }
}

fn salt(entropy: &dyn Entropy) -> [u8; SALT_LENGTH] {
    let mut salt = [0; SALT_LENGTH];
    entropy.fill(&mut salt);
    salt
}

fn hash_error(error: PoolError) -> HashError {
    match error {
        PoolError::Full { retry_after } => HashError::Busy { retry_after },
        PoolError::Lost => HashError::Failed(Box::new(WorkerLost)),
    }
}

#[cfg(test)]
mod tests {
    use std::{ops::Range, time::Duration};

    use portcullis_domain::testing::SeededEntropy;

    use super::*;
    use crate::StoredHashError;

    fn scrypt(parameters: Parameters, threads: usize, queue: usize) -> Scrypt {
        let threads = NonZeroUsize::new(threads).expect("some threads");
        Scrypt::start(Settings { parameters, threads, queue }, Arc::new(SeededEntropy::new(1)))
            .expect("threads start")
    }

    fn cheap() -> Parameters {
        Parameters::new(4, 1, 1).expect("possible")
    }

    fn password() -> Password {
        Password::new("Tr4vel-light")
    }

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_alone() {
        let scrypt = scrypt(cheap(), 1, 1);
        let hash = scrypt.hash(&password()).await.expect("hashes");
        assert_eq!(scrypt.verify(&password(), Some(&hash)).await.expect("checks"), Verdict::Match);
        let other = Password::new("Tr4vel-heavy");
        assert_eq!(scrypt.verify(&other, Some(&hash)).await.expect("checks"), Verdict::Mismatch);
    }

    #[tokio::test]
    async fn two_hashes_of_one_password_differ() {
        let scrypt = scrypt(cheap(), 1, 1);
        let one = scrypt.hash(&password()).await.expect("hashes");
        let other = scrypt.hash(&password()).await.expect("hashes");
        assert_ne!(one, other);
    }

    #[tokio::test]
    async fn the_real_parameters_hash_and_verify() {
        let scrypt = scrypt(Parameters::default(), 1, 1);
        let hash = scrypt.hash(&password()).await.expect("hashes");
        assert!(hash.expose().starts_with("$scrypt$ln=15,r=8,p=3$"), "{}", hash.expose());
        assert_eq!(scrypt.verify(&password(), Some(&hash)).await.expect("checks"), Verdict::Match);
    }

    #[tokio::test]
    async fn a_hash_with_other_parameters_verifies_as_outdated() {
        let old = scrypt(Parameters::new(5, 2, 3).expect("possible"), 1, 1);
        let hash = old.hash(&password()).await.expect("hashes");
        let new = scrypt(cheap(), 1, 1);
        assert_eq!(new.verify(&password(), Some(&hash)).await.expect("checks"), Verdict::MatchOutdated);
        let other = Password::new("Tr4vel-heavy");
        assert_eq!(new.verify(&other, Some(&hash)).await.expect("checks"), Verdict::Mismatch);
    }

    #[tokio::test]
    async fn a_hash_that_somebody_brought_along_verifies_as_outdated() {
        let scrypt = scrypt(cheap(), 1, 1);
        for (brought, password) in [
            ("$2b$04$abcdefghijklmnopqrstuuJqRuf8a1xwL37ZRPMsEZ2R5eHYIOa/O", "Tr4vel-light"),
            (
                "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
                "password",
            ),
        ] {
            let (hash, password) = (PasswordHash::new(brought), Password::new(password));
            assert_eq!(scrypt.reads(&hash), Ok(()));
            assert_eq!(scrypt.verify(&password, Some(&hash)).await.expect("checks"), Verdict::MatchOutdated);
            let other = Password::new("Tr4vel-heavy");
            assert_eq!(scrypt.verify(&other, Some(&hash)).await.expect("checks"), Verdict::Mismatch);
        }
    }

    #[tokio::test]
    #[expect(clippy::await_holding_lock, reason = "that it is held is what the hashing thread is to see")]
    async fn hashes_larger_than_the_present_ones_are_checked_one_at_a_time() {
        let old = scrypt(Parameters::new(5, 2, 3).expect("possible"), 1, 1);
        let hash = old.hash(&password()).await.expect("hashes");
        let new = scrypt(cheap(), 2, 1);
        let turn = Arc::clone(&new.large);
        let turn = turn.lock().expect("free");
        let password = password();
        let mut check = new.verify(&password, Some(&hash));
        // With the turn taken it gets nowhere, and an ordinary one passes by.
        let ordinary = new.hash(&password);
        tokio::select! {
            biased;
            _ = &mut check => panic!("the turn was taken"),
            hashed = ordinary => assert!(hashed.is_ok()),
        }
        drop(turn);
        assert_eq!(check.await.expect("checks"), Verdict::MatchOutdated);
    }

    #[tokio::test]
    async fn no_hash_is_never_matched_and_costs_one_like_new() {
        let scrypt = scrypt(cheap(), 1, 1);
        assert_eq!(scrypt.verify(&password(), None).await.expect("checks"), Verdict::Mismatch);
        assert_eq!(scrypt.durations().count, 1);
        assert!(scrypt.decoy.is_like_new(cheap()));
    }

    #[tokio::test]
    async fn a_wrong_password_takes_as_long_as_no_hash_however_cheap_the_stored_hash_is() {
        // The work is the same to within 4 %; the rest is what smaller memory is faster by, for the processor's cache.
        const IS_ALIKE: Range<f64> = 0.8..1.25;
        let (wrong, current) = (Password::new("Tr4vel-heavy"), Parameters::new(14, 8, 1).expect("possible"));
        for (log_n, p) in [(10, 1), (12, 1), (12, 3), (13, 1)] {
            let old = scrypt(Parameters::new(log_n, 8, p).expect("possible"), 1, 1);
            let hash = old.hash(&password()).await.expect("hashes");
            let new = scrypt(current, 1, 1);
            // The least of some tries is what it takes when nothing else on the machine is in the way. More of them are only made
            // on a machine too busy to tell: what differs really goes on to differ.
            let (mut least, mut ratio) = ([Duration::MAX; 2], 0.0);
            for number in 1..=60 {
                for (least, hash) in least.iter_mut().zip([None, Some(&hash)]) {
                    let before = new.durations().total;
                    assert_eq!(new.verify(&wrong, hash).await.expect("checks"), Verdict::Mismatch);
                    *least = (*least).min(new.durations().total.saturating_sub(before));
                }
                ratio = least[1].as_secs_f64() / least[0].as_secs_f64();
                if number >= 5 && IS_ALIKE.contains(&ratio) {
                    break;
                }
            }
            assert!(IS_ALIKE.contains(&ratio), "ln={log_n} p={p}: {ratio:.2}, {least:?}");
        }
    }

    #[tokio::test]
    async fn a_stored_hash_that_cannot_be_checked_fails_before_any_work() {
        let scrypt = scrypt(cheap(), 1, 1);
        let tail = "$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E";
        for (phc, expected) in [
            (format!("$argon2d$v=19$m=65536,t=3,p=4{tail}"), StoredHashError::Algorithm),
            (format!("$scrypt$ln=20,r=8,p=1{tail}"), StoredHashError::TooExpensive),
        ] {
            let hash = PasswordHash::new(phc);
            assert_eq!(scrypt.reads(&hash), Err(expected.into()));
            let failed = scrypt.verify(&password(), Some(&hash)).await;
            let Err(HashError::Failed(source)) = failed else { panic!("{failed:?}") };
            assert_eq!(source.downcast_ref(), Some(&expected));
        }
        assert_eq!(scrypt.durations().count, 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_at_once_those_that_fit_are_done_and_the_rest_are_told_when_to_come_back() {
        let scrypt = Arc::new(scrypt(Parameters::new(12, 8, 1).expect("possible"), 1, 3));
        let (password, barrier) = (password(), Arc::new(tokio::sync::Barrier::new(64)));
        let tries: Vec<_> = (0..64)
            .map(|_| {
                let (scrypt, password, barrier) =
                    (Arc::clone(&scrypt), password.clone(), Arc::clone(&barrier));
                tokio::spawn(async move {
                    barrier.wait().await;
                    scrypt.verify(&password, None).await
                })
            })
            .collect();
        let mut done = 0;
        let mut busy = 0;
        for attempt in tries {
            match attempt.await.expect("no panic") {
                Ok(Verdict::Mismatch) => done += 1,
                Err(HashError::Busy { retry_after }) if retry_after.as_secs() >= 1 => busy += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(done >= 4 && busy >= 1, "{done} done, {busy} busy");
        assert_eq!(scrypt.queue_length(), 0);
        assert_eq!(scrypt.durations().count, done);
    }

    #[test]
    fn debug_shows_neither_salt_nor_key() {
        let shown = format!("{:?}", scrypt(cheap(), 1, 1));
        assert_eq!(shown, "Scrypt { parameters: Parameters { log_n: 4, r: 1, p: 1 }, .. }");
    }
}
