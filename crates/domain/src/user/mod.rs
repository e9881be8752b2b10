//! People's accounts.

mod account;
mod change_password;
mod credential;
mod event;
mod get_profile;
mod import;
mod profile;
mod register;
mod update_profile;

use chrono::{DateTime, Utc};

pub use account::Account;
pub use change_password::{ChangePassword, ChangePasswordError};
pub(crate) use event::schemas as event_schemas;
pub use event::{PasswordChange, SessionEnd, UserCreated, UserEvent};
pub use get_profile::GetProfileError;
pub use import::{ImportInput, ImportUser, Imported};
pub use profile::{Profile, ProfileChange, ProfileChanges, ProfileField};
pub(crate) use register::local_part;
pub use register::{Register, RegisterError, RegisterInput};
pub use update_profile::{Patch, ProfileUpdate, UpdateProfileError};

use crate::{
    caller::Role,
    commit::{Claim, ClaimKey},
    event::Version,
    id::{StreamId, UserId},
    value::PasswordHash,
};

/// How many passwords, the current one among them, a new one must differ from where the policy says so.
pub const PASSWORD_HISTORY: usize = 5;

/// A person's account: what its stream's events add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// The version of the user's stream.
    pub version: Version,
    /// What the person says of themself.
    pub profile: Profile,
    /// What they are to the service.
    pub role: Role,
    /// May sign in.
    pub is_active: bool,
    /// Has shown that the address is theirs.
    pub is_verified: bool,
    /// How often a lock was lifted by hand: failures counted before the last time are void.
    pub unlocks: u32,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// When profile, role or standing last changed.
    pub updated_at: DateTime<Utc>,
    /// When they last signed in.
    pub last_login_at: Option<DateTime<Utc>>,
}

/// What a person signs in with. Not derived from events: a log is no place for hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Whose.
    pub user: UserId,
    /// The password's hash.
    pub password: PasswordHash,
    /// When the password was last changed.
    pub changed_at: DateTime<Utc>,
    /// The hashes before it, newest first, as many as the policy keeps.
    pub history: Vec<PasswordHash>,
}

impl User {
    /// The user's stream.
    pub fn stream(&self) -> StreamId {
        self.id.into()
    }

    /// The account after one more event; `None` is no account, before its creation or after its erasure. Never fails: what
    /// happened has happened.
    pub fn apply(state: Option<Self>, event: &UserEvent, at: DateTime<Utc>) -> Option<Self> {
        if let UserEvent::Created { facts, profile } = event {
            return profile.clone().map(|profile| Self {
                id: facts.user_id,
                version: 1,
                profile,
                role: facts.role,
                is_active: facts.is_active,
                is_verified: facts.is_verified,
                unlocks: 0,
                created_at: facts.created_at.unwrap_or(at),
                updated_at: at,
                last_login_at: None,
            });
        }
        let mut user = state?;
        user.version += 1;
        match event {
            UserEvent::Created { .. }
            | UserEvent::VerificationRequested { .. }
            | UserEvent::PasswordResetRequested { .. }
            | UserEvent::LoggedOut { .. }
            | UserEvent::SessionRevoked { .. }
            | UserEvent::RefreshReuseDetected { .. }
            | UserEvent::Locked { .. }
            | UserEvent::ApiKey(_)
            | UserEvent::OfStream(_) => {}
            UserEvent::Deleted => return None,
            UserEvent::Updated { changes, .. } => {
                for (field, change) in changes.iter().flatten() {
                    user.profile.set(*field, change.after.clone());
                }
                user.updated_at = at;
            }
            UserEvent::EmailVerified => {
                user.is_verified = true;
                user.updated_at = at;
            }
            UserEvent::LoggedIn { .. } => user.last_login_at = Some(at),
            UserEvent::PasswordChanged { way } => {
                // Failures were guesses at a password that is none any more, and its owner's own before they gave up.
                user.unlocks += u32::from(*way == PasswordChange::Reset);
                user.updated_at = at;
            }
            UserEvent::RoleChanged { after, .. } => {
                user.role = *after;
                user.updated_at = at;
            }
            UserEvent::Activated => {
                user.is_active = true;
                user.updated_at = at;
            }
            UserEvent::Deactivated => {
                user.is_active = false;
                user.updated_at = at;
            }
            UserEvent::Unlocked => {
                user.unlocks += 1;
                user.updated_at = at;
            }
        }
        Some(user)
    }

    /// The account after an event of a type that this version does not know: it counts, and is taken to have changed nothing.
    #[must_use]
    pub fn after_unknown(self) -> Self {
        Self { version: self.version + 1, ..self }
    }

    /// Whether they may administer the service now.
    pub fn is_active_admin(&self) -> bool {
        self.is_active && self.role == Role::Admin
    }

    /// What the account is found by in a search, folded: its address, its name, and its username.
    pub fn search_terms(&self) -> Vec<String> {
        let username = self.profile.username.as_ref().map(|username| username.as_str().to_lowercase());
        let terms = [self.profile.email.folded(), self.profile.name.as_str().to_lowercase()];
        terms.into_iter().chain(username).collect()
    }

    /// The unique keys this account holds.
    fn claim_keys(&self) -> Vec<ClaimKey> {
        let email = ClaimKey::email(&self.profile.email);
        let username = self.profile.username.as_ref().map(ClaimKey::username);
        std::iter::once(email).chain(username).collect()
    }

    /// What must be taken and released when an account becomes another: the one place that says which of its fields are unique.
    pub fn claims_between(before: Option<&Self>, after: Option<&Self>) -> Vec<Claim> {
        let Some(owner) = before.or(after).map(|user| user.id.into()) else { return Vec::new() };
        let held = before.map(Self::claim_keys).unwrap_or_default();
        let wanted = after.map(Self::claim_keys).unwrap_or_default();
        let release = held.iter().filter(|key| !wanted.contains(key));
        let take = wanted.iter().filter(|key| !held.contains(key));
        let release = release.map(|key| Claim::Release { key: key.clone(), owner });
        release.chain(take.map(|key| Claim::Take { key: key.clone(), owner })).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        testing::{created, given},
        value::Username,
    };

    fn named(username: &str) -> User {
        let mut user = given([created()]).user();
        user.profile.username = Some(Username::new(username));
        user
    }

    #[test]
    fn a_new_account_takes_its_address_and_username() {
        let user = named("jane");
        let owner = user.id.into();
        assert_eq!(
            User::claims_between(None, Some(&user)),
            [
                Claim::Take { key: ClaimKey::email(&user.profile.email), owner },
                Claim::Take { key: ClaimKey::username(&Username::new("jane")), owner },
            ]
        );
    }

    #[test]
    fn a_new_username_releases_the_old_one() {
        let (before, after) = (named("jane"), named("doe"));
        let owner = before.id.into();
        assert_eq!(
            User::claims_between(Some(&before), Some(&after)),
            [
                Claim::Release { key: ClaimKey::username(&Username::new("jane")), owner },
                Claim::Take { key: ClaimKey::username(&Username::new("doe")), owner },
            ]
        );
    }

    #[test]
    fn an_account_that_ends_releases_all_its_keys() {
        let claims = User::claims_between(Some(&named("jane")), None);
        assert!(claims.iter().all(|claim| matches!(claim, Claim::Release { .. })));
        assert_eq!(claims.len(), 2);
    }

    #[test]
    fn every_event_raises_the_version_by_one() {
        let events = [created(), UserEvent::EmailVerified];
        assert_eq!(given(events).user().version, 2);
    }

    #[test]
    fn the_events_of_an_erased_person_add_up_to_no_account() {
        let UserEvent::Created { facts, .. } = created() else { unreachable!("created() is `Created`") };
        let erased = UserEvent::Created { facts, profile: None };
        let state = User::apply(None, &erased, DateTime::UNIX_EPOCH);
        assert_eq!(User::apply(state, &UserEvent::EmailVerified, DateTime::UNIX_EPOCH), None);
    }
}
