use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use super::Source;
use crate::value::{Password, PasswordHash};

/// Hashes passwords slowly, within a bound of memory.
///
/// # Contract
///
/// * A password verifies against its own hash and against no other password's; two hashes of one password differ.
/// * Verifying against no hash fails, and takes as long as against a hash made now: who has an account cannot be told by time.
/// * A hash made with other parameters still verifies, and is reported as outdated.
/// * `reads` says of a stored hash, without hashing, whether it can be checked: `verify` checks what reads and fails on what does not.
/// * When more is asked than the queue holds, the answer is `Busy` at once.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Hashes a new password.
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError>;

    /// Checks a password against what is stored, or against nothing.
    async fn verify<'a>(
        &'a self,
        password: &'a Password,
        hash: Option<&'a PasswordHash>,
    ) -> Result<Verdict, HashError>;

    /// Whether a password can be checked against this hash: whoever takes one over from elsewhere asks before it is stored.
    fn reads(&self, hash: &PasswordHash) -> Result<(), UnreadableHash>;
}

/// What came of checking a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the one.
    Match,
    /// It is the one, and should be hashed anew: the parameters have changed since.
    MatchOutdated,
    /// It is not.
    Mismatch,
}

impl Verdict {
    /// Whether the password is the one.
    pub const fn is_match(self) -> bool {
        matches!(self, Self::Match | Self::MatchOutdated)
    }
}

/// Why no password can be checked against a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UnreadableHash {
    /// It was made in a way that the hasher does not know, or is broken.
    #[error("is no password hash that can be checked here")]
    Unsupported,
    /// Each check would take more memory or time than a server has to spare.
    #[error("takes more memory or time to check than is allowed")]
    TooExpensive,
}

/// A password was neither hashed nor checked.
#[derive(Debug, Error)]
pub enum HashError {
    /// The queue is full.
    #[error("the password hashing queue is full")]
    Busy {
        /// When a place may be free.
        retry_after: Duration,
    },
    /// The stored hash does not read, or the hasher failed.
    #[error("password hashing failed")]
    Failed(#[source] Source),
}
