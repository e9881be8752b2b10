//! The tokens of this service: adapters around the key ring, which replicas share and which changes under them.

use std::{convert::Infallible, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use portcullis_domain::{
    key_ring::{KeyRing, KeyRingError, Lifetimes, SealedSigningKey, read_key_ring, rotate_key_ring},
    port::{AccessClaims, Clock, Entropy, RefreshClaims, SigningKeys, StoreError, TokenError, Tokens},
    seal::MasterKey,
    value::Secret,
};
use portcullis_jwt::{Algorithm, Jwt, JwtError, PublicJwk};
use portcullis_paseto::{Paseto, PasetoError, PublicKey};
use thiserror::Error;
use tokio::{sync::Mutex, time::Instant};

use crate::causes::chain;

#[cfg(test)]
mod tests;

/// How often the store is asked for new keys. A few rows: what a rotation by hand should wait for at most.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// What passes at least between a look and the next that a token asks for by naming a key that is not known: anybody can write such a token. Forty
/// reads of a few rows a second are no burden, and who waits for one hardly notices.
const LOOK_AT_MOST_EVERY: Duration = Duration::from_millis(25);

/// What makes and checks tokens with the keys of the ring as it is now.
pub(crate) struct RingTokens {
    /// Refresh tokens, and access tokens unless they are JWT.
    paseto: Arc<Paseto>,
    /// Access tokens, where they are JWT.
    jwt: Option<Jwt>,
    source: KeySource,
    seen: Mutex<Seen>,
}

/// Where the keys are.
pub(crate) struct KeySource {
    pub(crate) keys: Arc<dyn SigningKeys>,
    pub(crate) master_key: MasterKey,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// The last look at the store.
struct Seen {
    /// As it was read; nothing at first.
    sealed: Vec<SealedSigningKey>,
    ring: KeyRing,
    began: Instant,
    /// When the last one began that came to its end: it knows of every key that was there by then.
    served: Option<Instant>,
    /// When the last one began that failed.
    failed: Option<Instant>,
}

/// The keys that verify access tokens, for whoever asks.
pub(crate) struct PublishedKeys {
    /// Oldest first, also those that verify nothing any more: they may have signed other things.
    pub(crate) keys: Vec<PublicKey>,
    /// Of JWTs: none where tokens are PASETO, and where they are signed with the keys above.
    pub(crate) ec_keys: Vec<PublicJwk>,
}

/// Tokens cannot be made of these keys and names.
#[derive(Debug, Error)]
pub(crate) enum TokensError {
    #[error(transparent)]
    Paseto(#[from] PasetoError),
    #[error(transparent)]
    Jwt(#[from] JwtError),
}

impl RingTokens {
    /// The keys as they are now.
    pub(crate) fn published(&self) -> PublishedKeys {
        let jwks = self.jwt.as_ref().map(Jwt::public_keys).unwrap_or_default();
        let ec_keys: Vec<_> = jwks.into_iter().filter(|key| key.algorithm == Algorithm::Es256).collect();
        PublishedKeys { keys: self.paseto.public_keys(), ec_keys }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.source.clock.now()
    }

    pub(crate) fn new(
        ring: KeyRing,
        source: KeySource,
        jwt_algorithm: Option<Algorithm>,
        issuer: &str,
        audience: &str,
    ) -> Result<Self, TokensError> {
        let paseto = Arc::new(Paseto::new(&ring, issuer, audience)?);
        let jwt = |algorithm| Jwt::new(&ring, algorithm, issuer, audience, paseto.clone());
        let jwt = jwt_algorithm.map(jwt).transpose()?;
        Ok(Self {
            paseto,
            jwt,
            source,
            seen: Mutex::new(Seen {
                sealed: Vec::new(),
                ring,
                began: Instant::now(),
                served: None,
                failed: None,
            }),
        })
    }

    /// What makes and checks tokens of the format in use.
    fn tokens(&self) -> &dyn Tokens {
        match &self.jwt {
            Some(jwt) => jwt,
            None => self.paseto.as_ref(),
        }
    }

    fn set_keys(&self, ring: &KeyRing) -> Result<(), TokensError> {
        if let Some(jwt) = &self.jwt {
            jwt.set_keys(ring)?;
        }
        Ok(self.paseto.set_keys(ring)?)
    }

    fn names_unknown_key(&self, token: &Secret) -> bool {
        self.paseto.names_unknown_key(token)
            || self.jwt.as_ref().is_some_and(|jwt| jwt.names_unknown_key(token))
    }

    /// Takes new keys from the store now and then, and rotates the ring when its active key has signed for so long. Every replica
    /// does: of those that rotate at once, one adds the key.
    pub(crate) async fn keep_current(&self, rotation: Option<Duration>) -> Infallible {
        let mut is_failing = false;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            match self.keep_current_once(rotation).await {
                Ok(()) => is_failing = false,
                // Once for each outage, not every other second.
                Err(error) if !is_failing => {
                    is_failing = true;
                    tell(&error);
                }
                Err(_) => {}
            }
        }
    }

    async fn keep_current_once(&self, rotation: Option<Duration>) -> Result<(), KeyRingError> {
        let mut seen = self.seen.lock().await;
        self.look(&mut seen).await?;
        let (Some(age), now) = (rotation, self.source.clock.now()) else { return Ok(()) };
        if seen.ring.is_due(age, now) {
            let KeySource { keys, master_key, entropy, .. } = &self.source;
            if rotate_key_ring(keys.as_ref(), &seen.ring, master_key, entropy.as_ref(), now).await? {
                tracing::info!(epoch = seen.ring.epoch() + 1, "the signing keys were rotated by age");
            }
            self.look(&mut seen).await?;
        }
        Ok(())
    }

    /// Reads the ring, and signs and verifies with it from now on where it has a new key.
    async fn look(&self, seen: &mut Seen) -> Result<(), KeyRingError> {
        let began = Instant::now();
        seen.began = began;
        // Dropped in the middle it has served nobody, and the next one looks.
        let looked = self.take_keys(seen).await;
        *if looked.is_ok() { &mut seen.served } else { &mut seen.failed } = Some(began);
        looked
    }

    async fn take_keys(&self, seen: &mut Seen) -> Result<(), KeyRingError> {
        let sealed = self.source.keys.list().await?;
        if sealed == seen.sealed {
            return Ok(());
        }
        let ring = read_key_ring(&sealed, &self.source.master_key, self.source.lifetimes)?;
        match self.set_keys(&ring) {
            Ok(()) => {
                if ring.epoch() != seen.ring.epoch() {
                    tracing::info!(epoch = ring.epoch(), "new signing keys");
                }
                (seen.sealed, seen.ring) = (sealed, ring);
            }
            // Drawn from a broken source of randomness. The keys before are still good.
            Err(error) => tracing::error!("the signing keys in the store cannot be used: {}", chain(&error)),
        }
        Ok(())
    }
}

fn tell(error: &KeyRingError) {
    match error {
        KeyRingError::Store(error) => {
            tracing::warn!("the signing keys were not read: {}", chain(error));
        }
        KeyRingError::WrongMasterKey(_) | KeyRingError::HalfRewrapped => tracing::error!(
            "the signing keys in the store do not open: the master key was changed under this process; restart it with the new one"
        ),
    }
}

#[async_trait]
impl Tokens for RingTokens {
    fn issue_access(&self, claims: &AccessClaims) -> Secret {
        self.tokens().issue_access(claims)
    }

    fn verify_access(&self, token: &Secret, now: DateTime<Utc>) -> Result<AccessClaims, TokenError> {
        self.tokens().verify_access(token, now)
    }

    fn issue_refresh(&self, claims: &RefreshClaims) -> Secret {
        self.tokens().issue_refresh(claims)
    }

    fn verify_refresh(&self, token: &Secret, now: DateTime<Utc>) -> Result<RefreshClaims, TokenError> {
        self.tokens().verify_refresh(token, now)
    }

    async fn learn_key(&self, token: &Secret) -> Result<bool, StoreError> {
        if !self.names_unknown_key(token) {
            return Ok(false);
        }
        let asked = Some(Instant::now());
        // Many such tokens come at once: one looks, not before its time has come, and the others wait for what it finds.
        let mut seen = self.seen.lock().await;
        if seen.served < asked && seen.failed < asked && self.names_unknown_key(token) {
            tokio::time::sleep_until(seen.began + LOOK_AT_MOST_EVERY).await;
            if let Err(error) = self.look(&mut seen).await {
                tell(&error);
            }
        }
        let is_known = !self.names_unknown_key(token);
        if !is_known && seen.failed >= asked {
            return Err(StoreError::unavailable("the signing keys could not be read"));
        }
        Ok(is_known)
    }
}
