use thiserror::Error;

use super::{ApiKey, ApiKeySecret, Mistyped, Principal};
use crate::{id::ApiKeyId, identity::Identity, port::StoreError, value::Secret};

/// Who asks with an API key. A type of its own, and no kind of [`Caller`](crate::caller::Caller): a use case that does not ask for it
/// cannot be called with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyCaller {
    key: ApiKey,
}

/// Why a key is good for nothing. To whoever shows it all of these are one; logs and metrics tell them apart.
#[derive(Debug, Error)]
pub enum AuthenticateApiKeyError {
    /// It was never a key: a slip, told without asking the store.
    #[error(transparent)]
    Mistyped(#[from] Mistyped),
    /// No such key, revoked or never given out, or its secret was replaced.
    #[error("no such key")]
    Unknown,
    /// It has run out.
    #[error("the key has expired")]
    Expired,
    /// Its owner is deactivated or gone.
    #[error("the key's owner is not active")]
    OwnerInactive,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AuthenticateApiKeyError {
    /// The name in logs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Mistyped(_) => "mistyped",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::OwnerInactive => "owner_inactive",
            Self::Store(_) => "store",
        }
    }
}

impl ApiKeyCaller {
    /// Which key.
    pub const fn id(&self) -> ApiKeyId {
        self.key.id
    }

    /// In whose name.
    pub const fn principal(&self) -> Principal {
        self.key.owner
    }

    /// The key.
    pub const fn key(&self) -> &ApiKey {
        &self.key
    }
}

impl Identity {
    /// Turns an API key into a caller, and has it noted that the key was used. Asks the store each time and remembers nothing: a key that
    /// was revoked is dead on every replica at once.
    pub async fn authenticate_api_key(&self, text: &Secret) -> Result<ApiKeyCaller, AuthenticateApiKeyError> {
        let text = ApiKeySecret::parse(text)?;
        let key = self.open_api_key(&text).await?;
        self.tally().use_key(key.id, self.now());
        Ok(ApiKeyCaller { key })
    }

    /// The live key that a text opens.
    pub(crate) async fn open_api_key(&self, text: &ApiKeySecret) -> Result<ApiKey, AuthenticateApiKeyError> {
        let now = self.now();
        let key = self.ports().api_keys.find_by_prefix(text.prefix()).await?;
        let key = key.filter(|key| key.is_opened_by(text, now)).ok_or(AuthenticateApiKeyError::Unknown)?;
        if !key.is_live(now) {
            return Err(AuthenticateApiKeyError::Expired);
        }
        let owner = self.held(key.owner).await?;
        if !owner.is_some_and(|owner| owner.is_active()) {
            return Err(AuthenticateApiKeyError::OwnerInactive);
        }
        Ok(key)
    }
}
