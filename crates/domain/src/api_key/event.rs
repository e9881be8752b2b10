use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    caller::named,
    event::{EventData, EventReadError, EventSchema, NewEvent, Present},
    feature::FeatureName,
    id::ApiKeyId,
    seal::DataKey,
    value::ShortText,
};

/// What can happen to an API key. It happens on its owner's stream: a person's or a company's. No secret is in it, nor a hash of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiKeyEvent {
    /// `api_key.issued`
    Issued {
        /// The facts.
        facts: ApiKeyIssued,
        /// What its owner calls it (personal).
        name: Option<ShortText>,
    },
    /// `api_key.rotated`: another secret took the place of the one before.
    Rotated {
        /// Which key.
        api_key_id: ApiKeyId,
        /// Until when the secret before is good still.
        previous_good_until: DateTime<Utc>,
    },
    /// `api_key.revoked`
    Revoked {
        /// Which key.
        api_key_id: ApiKeyId,
        /// Why.
        reason: ApiKeyEnd,
    },
}

/// The facts of `api_key.issued`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeyIssued {
    /// Which key.
    pub api_key_id: ApiKeyId,
    /// The public part of its text.
    pub prefix: String,
    /// What it is good for.
    pub features: Vec<FeatureName>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

named! {
    /// Why a key ended before its time.
    ApiKeyEnd {
        /// Its owner ended it.
        Revoked = "revoked",
        /// Somebody who had its text gave it back.
        Presented = "presented",
        /// The password of its owner was reset: whoever made the key may be somebody else.
        PasswordReset = "password_reset",
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Rotated {
    api_key_id: ApiKeyId,
    previous_good_until: DateTime<Utc>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Revoked {
    api_key_id: ApiKeyId,
    reason: ApiKeyEnd,
}

/// Types are stored: never renamed. A changed shape is a new schema version with a reader for each old one.
mod name {
    pub(super) const ISSUED: &str = "api_key.issued";
    pub(super) const ROTATED: &str = "api_key.rotated";
    pub(super) const REVOKED: &str = "api_key.revoked";
}

/// A type's newest version is the one that is written; a version that was ever written stays here.
pub(crate) fn schemas() -> Vec<EventSchema> {
    vec![
        EventSchema::of::<ApiKeyIssued>(name::ISSUED, 1).with_personal::<ShortText>(),
        EventSchema::of::<Rotated>(name::ROTATED, 1),
        EventSchema::of::<Revoked>(name::REVOKED, 1),
    ]
}

impl ApiKeyEvent {
    /// Which key it is about.
    pub const fn api_key(&self) -> ApiKeyId {
        match self {
            Self::Issued { facts, .. } => facts.api_key_id,
            Self::Rotated { api_key_id, .. } | Self::Revoked { api_key_id, .. } => *api_key_id,
        }
    }

    /// What the types of all of these begin with.
    pub const PREFIX: &str = "api_key.";

    /// The event's type.
    pub const fn event_type(&self) -> &'static str {
        match self {
            Self::Issued { .. } => name::ISSUED,
            Self::Rotated { .. } => name::ROTATED,
            Self::Revoked { .. } => name::REVOKED,
        }
    }

    /// The schema version that [`data`](Self::data) is written in.
    pub const fn schema_version(&self) -> u32 {
        1
    }

    /// The facts, without personal data.
    pub fn data(&self) -> EventData {
        match self {
            Self::Issued { facts, .. } => EventData::of(facts),
            Self::Rotated { api_key_id, previous_good_until } => {
                EventData::of(&Rotated { api_key_id: *api_key_id, previous_good_until: *previous_good_until })
            }
            Self::Revoked { api_key_id, reason } => {
                EventData::of(&Revoked { api_key_id: *api_key_id, reason: *reason })
            }
        }
    }

    /// The personal part, to be sealed.
    pub fn personal(&self) -> Option<serde_json::Value> {
        match self {
            Self::Issued { name, .. } => name.as_ref().map(|name| name.as_str().into()),
            Self::Rotated { .. } | Self::Revoked { .. } => None,
        }
    }

    /// Reads a stored event; without its owner's key the personal part is `None`.
    pub fn read(event: &NewEvent, key: Option<&DataKey>) -> Result<Self, EventReadError> {
        let event = Present::of(event, &[])?;
        match event.shape() {
            (name::ISSUED, 1) => Ok(Self::Issued { facts: event.data()?, name: event.facts(key)? }),
            (name::ROTATED, 1) => {
                let Rotated { api_key_id, previous_good_until } = event.data()?;
                Ok(Self::Rotated { api_key_id, previous_good_until })
            }
            (name::REVOKED, 1) => {
                let Revoked { api_key_id, reason } = event.data()?;
                Ok(Self::Revoked { api_key_id, reason })
            }
            _ => Err(event.unknown()),
        }
    }
}
