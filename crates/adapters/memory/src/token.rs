use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use chrono::{DateTime, Utc};
use data_encoding::BASE64URL_NOPAD;
use portcullis_domain::{
    port::{AccessClaims, Entropy, RefreshClaims, TokenError, Tokens},
    value::Secret,
};

use crate::OsEntropy;

/// Random bytes in a token: beyond any guessing.
const TOKEN_LENGTH: usize = 32;

/// Tokens that say nothing: each is a random handle to claims kept here. No other process can verify them, and they are
/// kept, expired or not, as long as this lives: for tests and experiments, not for a service that runs for weeks.
#[derive(Default)]
pub struct OpaqueTokens(Mutex<Issued>);

#[derive(Default)]
struct Issued {
    access: HashMap<String, AccessClaims>,
    refresh: HashMap<String, RefreshClaims>,
}

impl OpaqueTokens {
    /// With no token issued yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn issued(&self) -> MutexGuard<'_, Issued> {
        self.0.lock().expect("nothing panics while it is held")
    }
}

impl Tokens for OpaqueTokens {
    fn issue_access(&self, claims: &AccessClaims) -> Secret {
        let handle = handle();
        self.issued().access.insert(handle.clone(), claims.clone());
        Secret::new(handle)
    }

    fn verify_access(&self, token: &Secret, now: DateTime<Utc>) -> Result<AccessClaims, TokenError> {
        let claims = self.issued().access.get(token.expose()).cloned().ok_or(TokenError::Invalid)?;
        check_time(claims.issued_at, claims.expires_at, now)?;
        Ok(claims)
    }

    fn issue_refresh(&self, claims: &RefreshClaims) -> Secret {
        let handle = handle();
        self.issued().refresh.insert(handle.clone(), claims.clone());
        Secret::new(handle)
    }

    fn verify_refresh(&self, token: &Secret, now: DateTime<Utc>) -> Result<RefreshClaims, TokenError> {
        let claims = self.issued().refresh.get(token.expose()).cloned().ok_or(TokenError::Invalid)?;
        check_time(claims.issued_at, claims.expires_at, now)?;
        Ok(claims)
    }
}

fn handle() -> String {
    let mut bytes = [0; TOKEN_LENGTH];
    OsEntropy.fill(&mut bytes);
    BASE64URL_NOPAD.encode(&bytes)
}

fn check_time(
    issued_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), TokenError> {
    if now < issued_at {
        return Err(TokenError::Invalid);
    }
    if now >= expires_at {
        return Err(TokenError::Expired);
    }
    Ok(())
}

impl std::fmt::Debug for OpaqueTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpaqueTokens(***)")
    }
}
