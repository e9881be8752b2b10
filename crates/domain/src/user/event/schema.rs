//! The schemas and the older versions of what happens to accounts.

use serde_json::{Value, json};

use super::{
    CodeRequested, DateTime, Deserialize, Email, JsonSchema, Language, Locked, LoggedIn, LoggedOut, NoFacts,
    OneTimeCodeId, PasswordChanged, Profile, ProfileChanges, RefreshReuseDetected, Role, RoleChanged,
    Serialize, SessionRevoked, Updated, UserCreated, UserId, Utc, name,
};
use crate::event::{EventSchema, Upcaster, unchanged};

/// A type's newest version is the one that is written; a version that was ever written stays here.
pub(crate) fn schemas() -> Vec<EventSchema> {
    vec![
        EventSchema::of::<UserCreatedV1>(name::CREATED, 1).with_personal::<Profile>(),
        EventSchema::of::<UserCreated>(name::CREATED, 2).with_personal::<Profile>(),
        EventSchema::of::<Updated>(name::UPDATED, 1).with_personal::<ProfileChanges>(),
        EventSchema::of::<VerificationRequestedV1>(name::VERIFICATION_REQUESTED, 1).with_personal::<Email>(),
        EventSchema::of::<CodeRequested>(name::VERIFICATION_REQUESTED, 2).with_personal::<Email>(),
        EventSchema::of::<NoFacts>(name::EMAIL_VERIFIED, 1),
        EventSchema::of::<CodeRequested>(name::PASSWORD_RESET_REQUESTED, 1).with_personal::<Email>(),
        EventSchema::of::<PasswordChanged>(name::PASSWORD_CHANGED, 1),
        EventSchema::of::<RoleChanged>(name::ROLE_CHANGED, 1),
        EventSchema::of::<NoFacts>(name::ACTIVATED, 1),
        EventSchema::of::<NoFacts>(name::DEACTIVATED, 1),
        EventSchema::of::<Locked>(name::LOCKED, 1),
        EventSchema::of::<NoFacts>(name::UNLOCKED, 1),
        EventSchema::of::<NoFacts>(name::DELETED, 1),
        EventSchema::of::<SessionRevoked>(name::SESSION_REVOKED, 1),
        EventSchema::of::<LoggedIn>(name::LOGGED_IN, 1),
        EventSchema::of::<LoggedOut>(name::LOGGED_OUT, 1),
        EventSchema::of::<RefreshReuseDetected>(name::REFRESH_REUSE_DETECTED, 1),
    ]
}

pub(super) const UPCASTERS: &[Upcaster] = &[
    Upcaster { event_type: name::CREATED, from: 1, data: unchanged, facts: unchanged },
    Upcaster { event_type: name::VERIFICATION_REQUESTED, from: 1, data: with_language, facts: unchanged },
];

/// Before people who came from elsewhere kept since when they have an account.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it is there for its schema")]
struct UserCreatedV1 {
    /// Who.
    user_id: UserId,
    /// What they are to the service.
    role: Role,
    /// May sign in.
    is_active: bool,
    /// The address needs no proof.
    is_verified: bool,
}

/// Before mails were in several languages an event did not say which; for a while after that it did, and was of version 1 still.
#[derive(Serialize, Deserialize, JsonSchema)]
struct VerificationRequestedV1 {
    code_id: OneTimeCodeId,
    expires_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Language")]
    language: Option<Language>,
}

/// Mails were in English then.
fn with_language(mut data: Value) -> Value {
    if let Some(data) = data.as_object_mut() {
        data.entry("language").or_insert(json!(Language::En));
    }
    data
}
