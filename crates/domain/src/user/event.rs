use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Profile, ProfileChanges, ProfileField};
use crate::{
    caller::Role,
    event::{EventData, EventReadError, NewEvent},
    id::{OneTimeCodeId, SessionId, UserId},
    seal::DataKey,
    value::Email,
};

/// What can happen to an account. Personal parts are `None` once the person was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserEvent {
    /// `user.created`
    Created {
        /// The facts.
        facts: UserCreated,
        /// The profile (personal).
        profile: Option<Profile>,
    },
    /// `user.updated`
    Updated {
        /// Which fields changed.
        fields: BTreeSet<ProfileField>,
        /// Their texts before and after (personal).
        changes: Option<ProfileChanges>,
    },
    /// `user.verification_requested`: a code is to be mailed. The code itself is nowhere: it is derived from the person's key.
    VerificationRequested {
        /// Which code.
        code_id: OneTimeCodeId,
        /// Until when it is good.
        expires_at: DateTime<Utc>,
        /// Where to (personal).
        email: Option<Email>,
    },
    /// `user.email_verified`
    EmailVerified,
    /// `user.logged_in`
    LoggedIn {
        /// The new session.
        session_id: SessionId,
    },
    /// `user.logged_out`
    LoggedOut {
        /// The session that asked.
        session_id: SessionId,
        /// Whether all sessions ended with it.
        all: bool,
    },
    /// `user.refresh_reuse_detected`: a rotated refresh token came back; its session has ended.
    RefreshReuseDetected {
        /// The session.
        session_id: SessionId,
        /// The generation of the token that came back.
        generation: u64,
    },
}

/// The facts of `user.created`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserCreated {
    /// Who.
    pub user_id: UserId,
    /// What they are to the service.
    pub role: Role,
    /// May sign in.
    pub is_active: bool,
    /// The address needs no proof.
    pub is_verified: bool,
}

#[derive(Serialize, Deserialize)]
struct Updated {
    fields: BTreeSet<ProfileField>,
}

#[derive(Serialize, Deserialize)]
struct VerificationRequested {
    code_id: OneTimeCodeId,
    expires_at: DateTime<Utc>,
}

#[derive(Serialize, Deserialize)]
struct LoggedIn {
    session_id: SessionId,
}

#[derive(Serialize, Deserialize)]
struct LoggedOut {
    session_id: SessionId,
    all: bool,
}

#[derive(Serialize, Deserialize)]
struct RefreshReuseDetected {
    session_id: SessionId,
    generation: u64,
}

/// Types are stored: never renamed. A changed shape is a new schema version with a reader for each old one.
mod name {
    pub(super) const CREATED: &str = "user.created";
    pub(super) const UPDATED: &str = "user.updated";
    pub(super) const VERIFICATION_REQUESTED: &str = "user.verification_requested";
    pub(super) const EMAIL_VERIFIED: &str = "user.email_verified";
    pub(super) const LOGGED_IN: &str = "user.logged_in";
    pub(super) const LOGGED_OUT: &str = "user.logged_out";
    pub(super) const REFRESH_REUSE_DETECTED: &str = "user.refresh_reuse_detected";
}

#[derive(Serialize)]
struct Nothing {}

impl UserEvent {
    /// The type of the event that has a code mailed.
    pub const VERIFICATION_REQUESTED: &str = name::VERIFICATION_REQUESTED;

    /// The event's type.
    pub const fn event_type(&self) -> &'static str {
        match self {
            Self::Created { .. } => name::CREATED,
            Self::Updated { .. } => name::UPDATED,
            Self::VerificationRequested { .. } => name::VERIFICATION_REQUESTED,
            Self::EmailVerified => name::EMAIL_VERIFIED,
            Self::LoggedIn { .. } => name::LOGGED_IN,
            Self::LoggedOut { .. } => name::LOGGED_OUT,
            Self::RefreshReuseDetected { .. } => name::REFRESH_REUSE_DETECTED,
        }
    }

    /// The schema version that [`data`](Self::data) and [`personal`](Self::personal) are written in.
    pub const fn schema_version(&self) -> u32 {
        1
    }

    /// The facts, without personal data.
    pub fn data(&self) -> EventData {
        match self {
            Self::Created { facts, .. } => EventData::of(facts),
            Self::Updated { fields, .. } => EventData::of(&Updated { fields: fields.clone() }),
            Self::VerificationRequested { code_id, expires_at, .. } => {
                EventData::of(&VerificationRequested { code_id: *code_id, expires_at: *expires_at })
            }
            Self::EmailVerified => EventData::of(&Nothing {}),
            Self::LoggedIn { session_id } => EventData::of(&LoggedIn { session_id: *session_id }),
            Self::LoggedOut { session_id, all } => {
                EventData::of(&LoggedOut { session_id: *session_id, all: *all })
            }
            Self::RefreshReuseDetected { session_id, generation } => {
                EventData::of(&RefreshReuseDetected { session_id: *session_id, generation: *generation })
            }
        }
    }

    /// The personal part, to be sealed.
    pub fn personal(&self) -> Option<serde_json::Value> {
        match self {
            Self::Created { profile, .. } => profile.as_ref().map(json),
            Self::Updated { changes, .. } => changes.as_ref().map(json),
            Self::VerificationRequested { email, .. } => email.as_ref().map(json),
            Self::EmailVerified
            | Self::LoggedIn { .. }
            | Self::LoggedOut { .. }
            | Self::RefreshReuseDetected { .. } => None,
        }
    }

    /// Reads a stored event; without the person's key (they were erased) the personal parts are `None`.
    pub fn read(event: &NewEvent, key: Option<&DataKey>) -> Result<Self, EventReadError> {
        let facts = &event.data;
        match (event.event_type.as_str(), event.schema_version) {
            (name::CREATED, 1) => Ok(Self::Created { facts: facts.read()?, profile: event.open_facts(key)? }),
            (name::UPDATED, 1) => {
                let Updated { fields } = facts.read()?;
                Ok(Self::Updated { fields, changes: event.open_facts(key)? })
            }
            (name::VERIFICATION_REQUESTED, 1) => {
                let VerificationRequested { code_id, expires_at } = facts.read()?;
                Ok(Self::VerificationRequested { code_id, expires_at, email: event.open_facts(key)? })
            }
            (name::EMAIL_VERIFIED, 1) => Ok(Self::EmailVerified),
            (name::LOGGED_IN, 1) => {
                let LoggedIn { session_id } = facts.read()?;
                Ok(Self::LoggedIn { session_id })
            }
            (name::LOGGED_OUT, 1) => {
                let LoggedOut { session_id, all } = facts.read()?;
                Ok(Self::LoggedOut { session_id, all })
            }
            (name::REFRESH_REUSE_DETECTED, 1) => {
                let RefreshReuseDetected { session_id, generation } = facts.read()?;
                Ok(Self::RefreshReuseDetected { session_id, generation })
            }
            _ => Err(EventReadError::Unknown {
                event_type: event.event_type.clone(),
                schema_version: event.schema_version,
            }),
        }
    }
}

fn json(part: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(part).expect("personal parts are plain structs with text keys")
}
