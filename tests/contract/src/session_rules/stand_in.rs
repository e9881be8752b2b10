//! What the use cases need beside a store, as simple as it goes.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use portcullis_domain::{
    port::{
        AccessClaims, AttemptCounters, Attempts, HashError, PasswordHasher, RefreshClaims, StoreError,
        TokenError, Tokens, UnreadableHash, Verdict,
    },
    value::{Password, PasswordHash, Secret},
};

/// Tokens are numbers, and what they say is kept here.
#[derive(Default)]
pub(super) struct NumberedTokens(Mutex<Issued>);

#[derive(Default)]
struct Issued {
    access: HashMap<String, AccessClaims>,
    refresh: HashMap<String, RefreshClaims>,
}

impl NumberedTokens {
    fn issued(&self) -> MutexGuard<'_, Issued> {
        self.0.lock().expect("nothing panics while it is held")
    }
}

impl Tokens for NumberedTokens {
    fn issue_access(&self, claims: &AccessClaims) -> Secret {
        let mut issued = self.issued();
        let name = format!("access {}", issued.access.len());
        issued.access.insert(name.clone(), claims.clone());
        Secret::new(name)
    }

    fn verify_access(&self, token: &Secret, now: DateTime<Utc>) -> Result<AccessClaims, TokenError> {
        let claims = self.issued().access.get(token.expose()).cloned().ok_or(TokenError::Invalid)?;
        if now < claims.expires_at { Ok(claims) } else { Err(TokenError::Expired) }
    }

    fn issue_refresh(&self, claims: &RefreshClaims) -> Secret {
        let mut issued = self.issued();
        let name = format!("refresh {}", issued.refresh.len());
        issued.refresh.insert(name.clone(), claims.clone());
        Secret::new(name)
    }

    fn verify_refresh(&self, token: &Secret, now: DateTime<Utc>) -> Result<RefreshClaims, TokenError> {
        let claims = self.issued().refresh.get(token.expose()).cloned().ok_or(TokenError::Invalid)?;
        if now < claims.expires_at { Ok(claims) } else { Err(TokenError::Expired) }
    }
}

/// The hash of a password is the password.
pub(super) struct NoHasher;

#[async_trait]
impl PasswordHasher for NoHasher {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        Ok(PasswordHash::new(format!("plain {}", password.expose())))
    }

    async fn verify<'a>(
        &'a self,
        password: &'a Password,
        hash: Option<&'a PasswordHash>,
    ) -> Result<Verdict, HashError> {
        let plain = format!("plain {}", password.expose());
        let is_match = hash.is_some_and(|hash| hash.expose() == plain);
        Ok(if is_match { Verdict::Match } else { Verdict::Mismatch })
    }

    fn reads(&self, _: &PasswordHash) -> Result<(), UnreadableHash> {
        Ok(())
    }
}

/// Nobody guesses here.
pub(super) struct NoCounters;

#[async_trait]
impl AttemptCounters for NoCounters {
    async fn add(&self, _: &str, _: Duration) -> Result<Attempts, StoreError> {
        Ok(Attempts::default())
    }

    async fn count(&self, _: &str) -> Result<Attempts, StoreError> {
        Ok(Attempts::default())
    }

    async fn clear(&self, _: &str) -> Result<(), StoreError> {
        Ok(())
    }
}
