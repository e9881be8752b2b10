use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use thiserror::Error;

use super::SignInName;
use crate::{
    caller::Origin,
    id::UserId,
    identity::{Act, Decision, Identity, Policy, Tries},
    port::{AttemptCounters, HashError, StoreError, Verdict},
    user::{Credential, User, UserEvent},
    value::{Email, Password, Username},
};

/// What the keys of counters are derived for; another use of the master key never gives the same.
const CONTEXT: &str = "portcullis 2026-11 keys of counters of wrong passwords";

/// What the keys of locks begin with; what follows names nobody.
const LOCKS: &str = "password:lock:";

/// Whether a counter of this key is a lock's. It is set by the first that is counted; of names that nobody has, too.
pub fn is_lock(key: &str) -> bool {
    key.starts_with(LOCKS)
}

/// From there nobody may try the account's password for now, right or wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the account is locked for this source")]
pub struct AccountLocked {
    /// When it is over.
    pub retry_after: Duration,
}

/// Why a password was not checked.
#[derive(Debug, Error)]
pub(crate) enum GuessError {
    /// Too many were wrong before it.
    #[error(transparent)]
    Locked(#[from] AccountLocked),
    /// The queue is full.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where wrong passwords for one account from one network are counted. From another network they count apart, so that a stranger
/// locks nobody out of where they are at home; and an account that there is not is locked like any other.
pub(crate) struct Lockout<'a> {
    counters: &'a dyn AttemptCounters,
    policy: &'a Policy,
    failures: String,
    lock: String,
    refusals: String,
}

impl Lockout<'_> {
    /// Whether the account is locked for this network.
    pub(crate) async fn check(&self) -> Result<(), GuessError> {
        let lock = self.counters.count(&self.lock).await?;
        if lock.count == 0 { Ok(()) } else { Err(AccountLocked { retry_after: lock.ends_in }.into()) }
    }

    /// Counts a wrong password; true for the one that locks the account.
    async fn fail(&self) -> Result<bool, GuessError> {
        let failures = self.counters.add(&self.failures, self.policy.lockout).await?;
        if !is_too_many(failures.count, self.policy) {
            return Ok(false);
        }
        // Of guesses that race beyond the last one allowed, one is the first to find it so, and the others come too late.
        let lock = self.counters.add(&self.lock, self.policy.lockout).await?;
        if lock.count == 1 { Ok(true) } else { Err(AccountLocked { retry_after: lock.ends_in }.into()) }
    }

    /// Notes that somebody was refused; true for the first time in a lock.
    pub(crate) async fn refuse(&self, locked: AccountLocked) -> Result<bool, StoreError> {
        Ok(self.counters.add(&self.refusals, locked.retry_after).await?.count == 1)
    }
}

/// Decides whether so many wrong passwords lock an account.
fn is_too_many(failures: u64, policy: &Policy) -> bool {
    failures >= policy.max_login_attempts.into()
}

/// The network that an address counts as: what one person, or one company, can change their address within.
fn network(address: Option<IpAddr>) -> String {
    match address {
        Some(IpAddr::V4(address)) => {
            format!("{}/24", Ipv4Addr::from_bits(address.to_bits() & (u32::MAX << 8)))
        }
        Some(IpAddr::V6(address)) => {
            format!("{}/48", Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 80)))
        }
        None => "nowhere".to_owned(),
    }
}

/// What an account that there is counts as. Unlocking makes it another one.
fn known(user: &User) -> String {
    format!("user:{}:{}", user.id, user.unlocks)
}

/// What an account that there is not counts as: one in all spellings by which it would be found.
fn unknown(name: &SignInName) -> String {
    match name {
        SignInName::Email(text) => {
            let folded = Email::parse(text).map_or_else(|_| text.to_lowercase(), |email| email.folded());
            format!("email:{folded}")
        }
        SignInName::Username(text) => {
            let folded =
                Username::parse(text).map_or_else(|_| text.to_lowercase(), |name| name.as_str().to_owned());
            format!("username:{folded}")
        }
    }
}

impl Identity {
    /// Where guesses at the password of whoever has a name are counted.
    pub(crate) fn lockout_of_name(
        &self,
        user: Option<&User>,
        name: &SignInName,
        origin: &Origin,
    ) -> Lockout<'_> {
        self.lockout(&user.map_or_else(|| unknown(name), known), origin)
    }

    /// Where guesses at an account's password are counted.
    pub(crate) fn lockout_of(&self, user: &User, origin: &Origin) -> Lockout<'_> {
        self.lockout(&known(user), origin)
    }

    /// Counters are on other servers too: their keys are nothing that can be read, or found out by trying names.
    fn lockout(&self, account: &str, origin: &Origin) -> Lockout<'_> {
        let key = self.ports().master_key.derive(CONTEXT);
        let network = network(origin.ip_address);
        let name = |purpose: &str| {
            // Neither of the first two holds a zero, so no account's name reads as another's network.
            let whole = format!("{purpose}\0{network}\0{account}");
            format!("password:{purpose}:{}", blake3::keyed_hash(&key, whole.as_bytes()).to_hex())
        };
        Lockout {
            counters: self.ports().attempt_counters.as_ref(),
            policy: self.policy(),
            failures: name("failures"),
            lock: name("lock"),
            refusals: name("refusals"),
        }
    }

    /// Has a password checked, and counts it where it is wrong. Nobody's password is wrong, and takes as long.
    ///
    /// A lock is looked for before the check, which costs much, and again after it: of guesses made at once, those that were let in
    /// before the lock and checked after it are all refused alike, right or wrong. So an attacker learns of as many as the
    /// policy says, and no more of those that were being checked at that moment.
    pub(crate) async fn guess(
        &self,
        lockout: &Lockout<'_>,
        user: Option<UserId>,
        credential: Option<&Credential>,
        password: &Password,
    ) -> Result<Verdict, GuessError> {
        lockout.check().await?;
        let stored = credential.filter(|_| !password.is_too_long()).map(|found| &found.password);
        let verdict = self.ports().password_hasher.verify(password, stored).await?;
        lockout.check().await?;
        if verdict == Verdict::Mismatch {
            if let (true, Some(user)) = (lockout.fail().await?, user) {
                self.record_lock(user).await?;
            }
            return Ok(verdict);
        }
        lockout.counters.clear(&lockout.failures).await?;
        Ok(verdict)
    }

    /// Says on the account's stream that it was locked. Whoever guesses is no actor on it.
    async fn record_lock(&self, id: UserId) -> Result<(), StoreError> {
        let nowhere = Origin::default();
        let mut tries = Tries::many();
        loop {
            let Some(user) = self.ports().users.find(id).await? else { return Ok(()) };
            let Some(key) = self.data_key(id.into()).await? else { return Ok(()) };
            let seconds = self.policy().lockout.as_secs();
            let decision = Decision { events: vec![UserEvent::Locked { seconds }], rows: Vec::new() };
            let act = Act::system(&nowhere, self.now());
            match self.record(id, Some(&user), &key, &act, decision).await {
                Ok(_) => return Ok(()),
                Err(error) => tries.again(error)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{created, given};

    fn network_of(address: &str) -> String {
        network(Some(address.parse().expect("an address")))
    }

    #[test]
    fn addresses_of_one_network_count_as_one_and_others_do_not() {
        assert_eq!(network_of("203.0.113.7"), "203.0.113.0/24");
        assert_eq!(network_of("203.0.113.7"), network_of("203.0.113.255"));
        assert_ne!(network_of("203.0.113.7"), network_of("203.0.112.7"));
        assert_eq!(network_of("2001:db8:1:2::3"), "2001:db8:1::/48");
        assert_eq!(network_of("2001:db8:1:2::3"), network_of("2001:db8:1:ffff::"));
        assert_ne!(network_of("2001:db8:1::"), network_of("2001:db8:2::"));
        assert_eq!(network(None), "nowhere");
    }

    #[test]
    fn the_last_failure_that_is_allowed_locks() {
        let policy = Policy { max_login_attempts: 3, ..Policy::default() };
        let counts = [1, 2, 3, 4, 64].map(|failures| is_too_many(failures, &policy));
        assert_eq!(counts, [false, false, true, true, true]);
    }

    #[test]
    fn a_name_that_nobody_has_counts_as_one_in_every_spelling() {
        let email = |text: &str| unknown(&SignInName::Email(text.to_owned()));
        let username = |text: &str| unknown(&SignInName::Username(text.to_owned()));
        assert_eq!(email("Nobody@Example.com"), email("nobody@EXAMPLE.com"));
        assert_eq!(email("No Address"), email("no address"));
        assert_eq!(username("NoBody"), username("nobody"));
        assert_ne!(email("nobody"), username("nobody"));
    }

    #[test]
    fn keys_of_locks_are_told_from_others() {
        assert!(is_lock("password:lock:00ff"));
        assert!(!is_lock("password:failures:00ff") && !is_lock("password:refusals:00ff"));
    }

    #[test]
    fn an_account_that_was_unlocked_counts_anew() {
        let locked = given([created(), UserEvent::Locked { seconds: 900 }]).user();
        let unlocked = given([created(), UserEvent::Unlocked]).user();
        assert_ne!(known(&locked), known(&unlocked));
    }
}
