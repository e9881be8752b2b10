//! API keys: what programs show instead of signing in.

mod authenticate;
mod event;
mod issue;
mod list;
mod owner;
mod revoke;
mod rotate;
mod text;

use chrono::{DateTime, Utc};
use subtle::ConstantTimeEq;

pub use authenticate::{ApiKeyCaller, AuthenticateApiKeyError};
pub(crate) use event::schemas as event_schemas;
pub use event::{ApiKeyEnd, ApiKeyEvent, ApiKeyIssued};
pub use issue::{IssueApiKey, IssueApiKeyError, IssueApiKeyInput, IssuedApiKey};
pub use list::{ApiKeyPage, ListApiKeysError};
pub use owner::{Principal, PrincipalKind};
pub use revoke::RevokeApiKeyError;
pub(crate) use revoke::decide_all as decide_end_of_all;
pub use rotate::RotateApiKeyError;
pub use text::{ApiKeyPrefix, ApiKeySecret, Mistyped};

use crate::{feature::FeatureName, id::ApiKeyId, value::ShortText};

/// An API key. Not derived from events alone: a log is no place for hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Which.
    pub id: ApiKeyId,
    /// Whose.
    pub owner: Principal,
    /// What its owner calls it.
    pub name: ShortText,
    /// The public part of its text, by which it is found.
    pub prefix: ApiKeyPrefix,
    /// The hash of its secret.
    pub secret: SecretHash,
    /// The secret before the last rotation, which is good for a while.
    pub previous: Option<PreviousSecret>,
    /// The features that it is good for, by their names; no others.
    pub features: Vec<FeatureName>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When it was last used, kept to the minute or so.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A secret that was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousSecret {
    /// Its hash.
    pub secret: SecretHash,
    /// Until when it is good still.
    pub good_until: DateTime<Utc>,
}

/// The hash of an API key's text. The text is random beyond guessing, so a fast hash keeps it as well as a slow one would. Compared in
/// the same time wherever two differ.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Wraps 32 bytes read back from a store.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretHash {}

impl std::fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretHash(***)")
    }
}

impl ApiKey {
    /// Whether it may still be used at all.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        now < self.expires_at
    }

    /// Whether a text is this key's: its secret, or the one before it while that is good.
    pub fn is_opened_by(&self, text: &ApiKeySecret, now: DateTime<Utc>) -> bool {
        let given = text.hash();
        let is_previous = self
            .previous
            .as_ref()
            .is_some_and(|previous| previous.secret == given && now < previous.good_until);
        self.secret == given || is_previous
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::{id::UserId, testing::SeededEntropy};

    pub(crate) const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    /// A key of person 1 that is good for an hour, for the feature `reports`, and its text.
    pub(crate) fn key(number: u64) -> (ApiKey, ApiKeySecret) {
        let text = ApiKeySecret::generate(&SeededEntropy::new(number));
        let key = ApiKey {
            id: ApiKeyId::new(Uuid::from_u128(number.into())),
            owner: Principal::User(UserId::new(Uuid::from_u128(1))),
            name: ShortText::new("ci"),
            prefix: text.prefix().clone(),
            secret: text.hash(),
            previous: None,
            features: vec![FeatureName::new("reports")],
            created_at: NOW,
            expires_at: NOW + Duration::from_secs(3600),
            last_used_at: None,
        };
        (key, text)
    }

    #[test]
    fn a_key_is_opened_by_its_text_and_by_no_other() {
        let ((key, text), (_, other)) = (key(1), key(2));
        assert!(key.is_opened_by(&text, NOW));
        assert!(!key.is_opened_by(&other, NOW));
    }

    #[test]
    fn the_secret_before_is_good_until_its_time_and_not_at_it() {
        let ((mut key, old), (_, new)) = (key(1), key(2));
        let good_until = NOW + Duration::from_secs(60);
        key.previous = Some(PreviousSecret { secret: key.secret, good_until });
        key.secret = new.hash();
        assert!(key.is_opened_by(&new, good_until));
        assert!(key.is_opened_by(&old, good_until - Duration::from_micros(1)));
        assert!(!key.is_opened_by(&old, good_until));
    }

    #[test]
    fn a_hash_is_not_shown() {
        assert!(format!("{:?}", key(1).0).contains("SecretHash(***)"));
    }
}
