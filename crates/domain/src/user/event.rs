mod schema;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use schema::UPCASTERS;
pub(crate) use schema::schemas;

use super::{Profile, ProfileChanges, ProfileField};
use crate::{
    api_key::ApiKeyEvent,
    caller::{Role, named},
    event::{EventData, EventReadError, NewEvent, NoFacts, Present},
    id::{OneTimeCodeId, SessionId, UserId},
    seal::DataKey,
    stream::StreamEvent,
    value::{Email, Language},
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
        /// The language of the mail.
        language: Language,
        /// Where to (personal).
        email: Option<Email>,
    },
    /// `user.password_reset_requested`: a token is to be mailed. The token itself is nowhere: it is derived from the person's key.
    PasswordResetRequested {
        /// Which code.
        code_id: OneTimeCodeId,
        /// Until when it is good.
        expires_at: DateTime<Utc>,
        /// The language of the mail.
        language: Language,
        /// Where to (personal).
        email: Option<Email>,
    },
    /// `user.email_verified`
    EmailVerified,
    /// `user.password_changed`
    PasswordChanged {
        /// In which way.
        way: PasswordChange,
    },
    /// `user.role_changed`
    RoleChanged {
        /// What they were to the service.
        before: Role,
        /// What they are.
        after: Role,
    },
    /// `user.activated`
    Activated,
    /// `user.deactivated`: no sign-in any more, and every session has ended.
    Deactivated,
    /// `user.locked`: too many failures from one source; from there, no sign-in for a while.
    Locked {
        /// For how long, in seconds.
        seconds: u64,
    },
    /// `user.unlocked`
    Unlocked,
    /// `user.deleted`: the person was erased. What was personal cannot be read any more.
    Deleted,
    /// `api_key.*`: of a key that is the person's.
    ApiKey(ApiKeyEvent),
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
    /// `user.session_revoked`
    SessionRevoked {
        /// The sessions that ended.
        session_ids: Vec<SessionId>,
        /// Why.
        reason: SessionEnd,
    },
    /// `user.refresh_reuse_detected`: a rotated refresh token came back; its session has ended.
    RefreshReuseDetected {
        /// The session.
        session_id: SessionId,
        /// The generation of the token that came back.
        generation: u64,
    },
    /// Of the stream itself, or of a type of a client's own: the account is none other after it.
    OfStream(StreamEvent),
}

/// The facts of `user.created`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserCreated {
    /// Who.
    pub user_id: UserId,
    /// What they are to the service.
    pub role: Role,
    /// May sign in.
    pub is_active: bool,
    /// The address needs no proof.
    pub is_verified: bool,
    /// Since when they have had an account, where that was somewhere else before; from schema version 2 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DateTime<Utc>")]
    pub created_at: Option<DateTime<Utc>>,
}

named! {
    /// In which way a password was changed.
    PasswordChange {
        /// By somebody who knew the one before.
        Changed = "changed",
        /// By a token that was mailed.
        Reset = "reset",
    }
}

named! {
    /// Why a session ended before its time.
    SessionEnd {
        /// Its owner ended it from another one.
        Revoked = "revoked",
        /// A new session took its place: the account has as many as it may.
        Evicted = "evicted",
        /// An administrator ended it.
        Administrator = "administrator",
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Updated {
    fields: BTreeSet<ProfileField>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct CodeRequested {
    code_id: OneTimeCodeId,
    expires_at: DateTime<Utc>,
    language: Language,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct PasswordChanged {
    way: PasswordChange,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct RoleChanged {
    before: Role,
    after: Role,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Locked {
    seconds: u64,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct SessionRevoked {
    session_ids: Vec<SessionId>,
    reason: SessionEnd,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct LoggedIn {
    session_id: SessionId,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct LoggedOut {
    session_id: SessionId,
    all: bool,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct RefreshReuseDetected {
    session_id: SessionId,
    generation: u64,
}

/// Types are stored: never renamed. A changed shape is a new schema version, and the one before it gets a schema and an upcaster in
/// `schema.rs`.
mod name {
    pub(super) const CREATED: &str = "user.created";
    pub(super) const UPDATED: &str = "user.updated";
    pub(super) const VERIFICATION_REQUESTED: &str = "user.verification_requested";
    pub(super) const EMAIL_VERIFIED: &str = "user.email_verified";
    pub(super) const PASSWORD_RESET_REQUESTED: &str = "user.password_reset_requested";
    pub(super) const PASSWORD_CHANGED: &str = "user.password_changed";
    pub(super) const ROLE_CHANGED: &str = "user.role_changed";
    pub(super) const ACTIVATED: &str = "user.activated";
    pub(super) const DEACTIVATED: &str = "user.deactivated";
    pub(super) const LOCKED: &str = "user.locked";
    pub(super) const UNLOCKED: &str = "user.unlocked";
    pub(super) const DELETED: &str = "user.deleted";
    pub(super) const SESSION_REVOKED: &str = "user.session_revoked";
    pub(super) const LOGGED_IN: &str = "user.logged_in";
    pub(super) const LOGGED_OUT: &str = "user.logged_out";
    pub(super) const REFRESH_REUSE_DETECTED: &str = "user.refresh_reuse_detected";
}

impl UserEvent {
    /// The type of the event that has a code mailed.
    pub const VERIFICATION_REQUESTED: &str = name::VERIFICATION_REQUESTED;
    /// The type of the event that has a reset token mailed.
    pub const PASSWORD_RESET_REQUESTED: &str = name::PASSWORD_RESET_REQUESTED;
    /// The type of the event that somebody signed in.
    pub const LOGGED_IN: &str = name::LOGGED_IN;
    /// The type of the event that an account was locked.
    pub const LOCKED: &str = name::LOCKED;
    /// The types of all events that somebody is written to about.
    pub const MAILED: [&str; 4] =
        [name::VERIFICATION_REQUESTED, name::PASSWORD_RESET_REQUESTED, name::PASSWORD_CHANGED, name::LOCKED];

    /// The event's type.
    pub fn event_type(&self) -> &str {
        match self {
            Self::Created { .. } => name::CREATED,
            Self::Updated { .. } => name::UPDATED,
            Self::VerificationRequested { .. } => name::VERIFICATION_REQUESTED,
            Self::PasswordResetRequested { .. } => name::PASSWORD_RESET_REQUESTED,
            Self::EmailVerified => name::EMAIL_VERIFIED,
            Self::PasswordChanged { .. } => name::PASSWORD_CHANGED,
            Self::RoleChanged { .. } => name::ROLE_CHANGED,
            Self::Activated => name::ACTIVATED,
            Self::Deactivated => name::DEACTIVATED,
            Self::Locked { .. } => name::LOCKED,
            Self::Unlocked => name::UNLOCKED,
            Self::Deleted => name::DELETED,
            Self::SessionRevoked { .. } => name::SESSION_REVOKED,
            Self::LoggedIn { .. } => name::LOGGED_IN,
            Self::LoggedOut { .. } => name::LOGGED_OUT,
            Self::RefreshReuseDetected { .. } => name::REFRESH_REUSE_DETECTED,
            Self::OfStream(event) => event.event_type(),
            Self::ApiKey(event) => event.event_type(),
        }
    }

    /// The schema version that [`data`](Self::data) and [`personal`](Self::personal) are written in.
    pub const fn schema_version(&self) -> u32 {
        match self {
            Self::Created { .. } | Self::VerificationRequested { .. } => 2,
            Self::OfStream(event) => event.schema_version(),
            Self::ApiKey(event) => event.schema_version(),
            _ => 1,
        }
    }

    /// The facts, without personal data.
    pub fn data(&self) -> EventData {
        match self {
            Self::Created { facts, .. } => EventData::of(facts),
            Self::Updated { fields, .. } => EventData::of(&Updated { fields: fields.clone() }),
            Self::VerificationRequested { code_id, expires_at, language, .. }
            | Self::PasswordResetRequested { code_id, expires_at, language, .. } => {
                EventData::of(&CodeRequested {
                    code_id: *code_id,
                    expires_at: *expires_at,
                    language: *language,
                })
            }
            Self::EmailVerified | Self::Activated | Self::Deactivated | Self::Unlocked | Self::Deleted => {
                EventData::of(&NoFacts {})
            }
            Self::PasswordChanged { way } => EventData::of(&PasswordChanged { way: *way }),
            Self::RoleChanged { before, after } => {
                EventData::of(&RoleChanged { before: *before, after: *after })
            }
            Self::Locked { seconds } => EventData::of(&Locked { seconds: *seconds }),
            Self::SessionRevoked { session_ids, reason } => {
                EventData::of(&SessionRevoked { session_ids: session_ids.clone(), reason: *reason })
            }
            Self::LoggedIn { session_id } => EventData::of(&LoggedIn { session_id: *session_id }),
            Self::LoggedOut { session_id, all } => {
                EventData::of(&LoggedOut { session_id: *session_id, all: *all })
            }
            Self::RefreshReuseDetected { session_id, generation } => {
                EventData::of(&RefreshReuseDetected { session_id: *session_id, generation: *generation })
            }
            Self::OfStream(event) => event.data(),
            Self::ApiKey(event) => event.data(),
        }
    }

    /// The personal part, to be sealed.
    pub fn personal(&self) -> Option<serde_json::Value> {
        match self {
            Self::Created { profile, .. } => profile.as_ref().map(json),
            Self::Updated { changes, .. } => changes.as_ref().map(json),
            Self::VerificationRequested { email, .. } | Self::PasswordResetRequested { email, .. } => {
                email.as_ref().map(json)
            }
            Self::OfStream(event) => event.personal(),
            Self::ApiKey(event) => event.personal(),
            Self::EmailVerified
            | Self::PasswordChanged { .. }
            | Self::RoleChanged { .. }
            | Self::Activated
            | Self::Deactivated
            | Self::Locked { .. }
            | Self::Unlocked
            | Self::Deleted
            | Self::SessionRevoked { .. }
            | Self::LoggedIn { .. }
            | Self::LoggedOut { .. }
            | Self::RefreshReuseDetected { .. } => None,
        }
    }

    /// Reads a stored event; without the person's key (they were erased) the personal parts are `None`.
    pub fn read(stored: &NewEvent, key: Option<&DataKey>) -> Result<Self, EventReadError> {
        let event = Present::of(stored, UPCASTERS)?;
        match event.shape() {
            (name::CREATED, 2) => Ok(Self::Created { facts: event.data()?, profile: event.facts(key)? }),
            (name::UPDATED, 1) => {
                let Updated { fields } = event.data()?;
                Ok(Self::Updated { fields, changes: event.facts(key)? })
            }
            (name::VERIFICATION_REQUESTED, 2) => {
                let CodeRequested { code_id, expires_at, language } = event.data()?;
                let email = event.facts(key)?;
                Ok(Self::VerificationRequested { code_id, expires_at, language, email })
            }
            (name::PASSWORD_RESET_REQUESTED, 1) => {
                let CodeRequested { code_id, expires_at, language } = event.data()?;
                let email = event.facts(key)?;
                Ok(Self::PasswordResetRequested { code_id, expires_at, language, email })
            }
            (name::EMAIL_VERIFIED, 1) => Ok(Self::EmailVerified),
            (name::PASSWORD_CHANGED, 1) => {
                let PasswordChanged { way } = event.data()?;
                Ok(Self::PasswordChanged { way })
            }
            (name::ROLE_CHANGED, 1) => {
                let RoleChanged { before, after } = event.data()?;
                Ok(Self::RoleChanged { before, after })
            }
            (name::ACTIVATED, 1) => Ok(Self::Activated),
            (name::DEACTIVATED, 1) => Ok(Self::Deactivated),
            (name::LOCKED, 1) => {
                let Locked { seconds } = event.data()?;
                Ok(Self::Locked { seconds })
            }
            (name::UNLOCKED, 1) => Ok(Self::Unlocked),
            (name::DELETED, 1) => Ok(Self::Deleted),
            (name::SESSION_REVOKED, 1) => {
                let SessionRevoked { session_ids, reason } = event.data()?;
                Ok(Self::SessionRevoked { session_ids, reason })
            }
            (name::LOGGED_IN, 1) => {
                let LoggedIn { session_id } = event.data()?;
                Ok(Self::LoggedIn { session_id })
            }
            (name::LOGGED_OUT, 1) => {
                let LoggedOut { session_id, all } = event.data()?;
                Ok(Self::LoggedOut { session_id, all })
            }
            (name::REFRESH_REUSE_DETECTED, 1) => {
                let RefreshReuseDetected { session_id, generation } = event.data()?;
                Ok(Self::RefreshReuseDetected { session_id, generation })
            }
            (own, _) if own.starts_with(ApiKeyEvent::PREFIX) => {
                ApiKeyEvent::read(stored, key).map(Self::ApiKey)
            }
            _ => StreamEvent::read(event.event(), key)?.map(Self::OfStream).ok_or_else(|| event.unknown()),
        }
    }
}

fn json(part: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(part).expect("personal parts are plain structs with text keys")
}
