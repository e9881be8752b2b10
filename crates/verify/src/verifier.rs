use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};
use portcullis_domain::{port::TokenError, value::Secret};
use thiserror::Error;

use crate::{
    Builder, Claims, FetchError,
    cache::{KeyCache, Wanted},
};

/// How often keys are fetched for one token at most. Twice: the first answer may be of a replica that has not heard of the newest key.
const TRIES: usize = 2;

/// Checks access tokens with the service's public keys, which it fetches, keeps, and fetches again. Cheap to clone; one for a process.
#[derive(Clone)]
pub struct Verifier {
    /// One for each place that keys are published at, at most two.
    caches: Arc<[Arc<KeyCache>]>,
}

/// A token is not to be believed, or it is not known whether.
#[derive(Clone, Debug, Error)]
pub enum VerifyError {
    /// Malformed, forged, of another issuer or format, or meant for another audience. Which of these only helps whoever forges it.
    #[error("the token is invalid")]
    Invalid,
    /// Authentic, and past its time.
    #[error("the token has expired")]
    Expired,
    /// No keys were fetched yet, or none that the token names, and they cannot be fetched now.
    #[error("the keys that tokens are checked with are not to be had")]
    KeysUnavailable(#[source] Arc<FetchError>),
}

impl Verifier {
    /// One that takes the tokens of the service at this address, where its clients reach it.
    pub fn builder(address: impl Into<String>) -> Builder {
        Builder::new(address.into())
    }

    pub(crate) fn new(caches: Vec<Arc<KeyCache>>) -> Self {
        Self { caches: caches.into() }
    }

    /// Verifies an access token as of now: by its signature, issuer, audience, type and times, with keys that are here already. Only a
    /// token that names a key nobody here has heard of has the keys fetched, which a rotation or two within minutes make happen.
    ///
    /// That its session has not been revoked since, no token tells: ask the service (`POST /api/v1/auth/introspect`) where that cannot
    /// wait until the token expires.
    pub async fn verify(&self, token: &str) -> Result<Claims, VerifyError> {
        self.verify_as_of(token, now).await
    }

    /// Verifies as of another time, for tests.
    pub async fn verify_at(&self, token: &str, now: DateTime<Utc>) -> Result<Claims, VerifyError> {
        self.verify_as_of(token, || now).await
    }

    /// Fetches the keys, so that the first request needs not wait for them; and so that a wrong address is told at the start.
    pub async fn fetch_keys(&self) -> Result<(), Arc<FetchError>> {
        for cache in self.caches.iter() {
            cache.fetched(Wanted::Any).await?;
        }
        Ok(())
    }

    async fn verify_as_of(
        &self,
        token: &str,
        now: impl Fn() -> DateTime<Utc>,
    ) -> Result<Claims, VerifyError> {
        let cache = self.caches.iter().find(|cache| cache.source.is_for(token));
        let cache = cache.ok_or(VerifyError::Invalid)?;
        let token = Secret::new(token);
        let mut known = cache.keys().await.map_err(VerifyError::KeysUnavailable)?;
        for _ in 0..TRIES {
            if !known.keys.names_unknown_key(&token) {
                break;
            }
            let fetched = cache.fetched(Wanted::New).await;
            known = fetched.map_err(VerifyError::KeysUnavailable)?;
        }
        let claims = known.keys.verify(&token, now());
        claims.map(Claims::new).map_err(|error| match error {
            TokenError::Invalid => VerifyError::Invalid,
            TokenError::Expired => VerifyError::Expired,
        })
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls = self.caches.iter().map(|cache| cache.url.as_str());
        f.debug_list().entries(urls).finish()
    }
}

#[expect(clippy::disallowed_methods, reason = "outside the service there is no port for time")]
fn now() -> DateTime<Utc> {
    Utc::now()
}
