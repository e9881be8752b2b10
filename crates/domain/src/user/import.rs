//! People who come from another system, with the password hash they had there.

use chrono::{DateTime, Utc};

use super::{
    Credential, Profile, UserCreated, UserEvent,
    register::{ProfileTexts, parse_profile},
};
use crate::{
    caller::{Origin, Role},
    commit::{ClaimSpace, Commit, CommitError, RowChange},
    id::UserId,
    identity::{Act, Decision, Identity},
    port::{PasswordHasher, StoreError},
    value::{PasswordHash, Violations},
};

/// What another system says of a person, as text.
#[derive(Debug, Default)]
pub struct ImportInput {
    /// `email`
    pub email: Option<String>,
    /// `name`
    pub name: Option<String>,
    /// `password_hash`: without one the person chooses a password by recovering it.
    pub password_hash: Option<PasswordHash>,
    /// `username`
    pub username: Option<String>,
    /// `phone`
    pub phone: Option<String>,
    /// `business_type`
    pub business_type: Option<String>,
    /// `business_number`
    pub business_number: Option<String>,
    /// `industry`
    pub industry: Option<String>,
    /// `region`
    pub region: Option<String>,
    /// `role`: `user` unless said.
    pub role: Option<String>,
    /// `is_active`: unless said, they are.
    pub is_active: Option<bool>,
    /// `is_verified`: unless said, the address has yet to be proven.
    pub is_verified: Option<bool>,
    /// `created_at` (RFC 3339): unless said, now.
    pub created_at: Option<String>,
}

/// A person to be taken over, whose every field is valid and whose password can be checked.
#[derive(Clone, Debug)]
pub struct ImportUser {
    /// The account's profile.
    pub profile: Profile,
    /// Their password's hash.
    pub password: Option<PasswordHash>,
    /// What they are to the service.
    pub role: Role,
    /// May sign in.
    pub is_active: bool,
    /// Has shown that the address is theirs.
    pub is_verified: bool,
    /// Since when they have had an account.
    pub created_at: Option<DateTime<Utc>>,
}

/// What became of a person who was to be taken over, or would become of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// They have an account now.
    Created,
    /// The address had an account, which stays as it is.
    AlreadyThere,
    /// Somebody with another address has the username.
    UsernameTaken,
}

impl ImportUser {
    /// Parses what another system says; all violations at once.
    pub fn parse(
        input: ImportInput,
        hasher: &dyn PasswordHasher,
        now: DateTime<Utc>,
    ) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        for (name, text) in [("email", &input.email), ("name", &input.name)] {
            if text.is_none() {
                violations.field(name).refuse("is missing");
            }
        }
        let role = input.role.as_deref().map_or(Ok(Role::User), |name| {
            Role::from_name(name).ok_or("must be one of user, moderator, admin")
        });
        let role = violations.field("role").parse(role);
        let password = input.password_hash.map(|hash| hasher.reads(&hash).map(|()| hash));
        let password = violations.field("password_hash").parse_optional(password);
        let (email, name) = (input.email.as_deref(), input.name.as_deref());
        let created_at = input.created_at.as_deref().map(|text| parse_past(text, now));
        let created_at = violations.field("created_at").parse_optional(created_at);
        // What is missing was said above, and is not to be said again by the parser of the empty text.
        let texts = ProfileTexts {
            email: email.unwrap_or("nobody@example.com"),
            name: name.unwrap_or("Nobody"),
            username: input.username.as_deref(),
            phone: input.phone.as_deref(),
            business_type: input.business_type.as_deref(),
            business_number: input.business_number.as_deref(),
            industry: input.industry.as_deref(),
            region: input.region.as_deref(),
        };
        let profile = parse_profile(&mut violations, &texts);
        let user = (|| {
            Some(Self {
                profile: profile?,
                password: password?,
                role: role?,
                is_active: input.is_active.unwrap_or(true),
                is_verified: input.is_verified.unwrap_or(false),
                created_at: created_at?,
            })
        })();
        violations.into_result(user)
    }
}

/// A moment between 1970 and now, to the microsecond, as stores keep it.
fn parse_past(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, &'static str> {
    let time =
        DateTime::parse_from_rfc3339(text).map_err(|_| "must be a time such as 2026-01-31T08:00:00Z")?;
    let time = DateTime::from_timestamp_micros(time.timestamp_micros());
    let time = time.filter(|time| (DateTime::UNIX_EPOCH..=now).contains(time));
    time.ok_or("must lie between 1970 and now")
}

/// Decides that somebody is taken over: always granted; that address and username are free is what the commit's claims see to. No mail
/// follows: a person whose address is yet to be proven asks for a code when they come.
fn decide(person: &ImportUser, user_id: UserId, now: DateTime<Utc>) -> Decision {
    let ImportUser { profile, password, role, is_active, is_verified, created_at } = person;
    let facts = UserCreated {
        user_id,
        role: *role,
        is_active: *is_active,
        is_verified: *is_verified,
        created_at: *created_at,
    };
    let credential = password.clone().map(|password| {
        RowChange::PutCredential(Credential { user: user_id, password, changed_at: now, history: Vec::new() })
    });
    Decision {
        events: vec![UserEvent::Created { facts, profile: Some(profile.clone()) }],
        rows: credential.into_iter().collect(),
    }
}

impl Identity {
    /// Says what [`import_users`](Self::import_users) would do with each of these people, and changes nothing.
    pub async fn preview_import(&self, people: &[ImportUser]) -> Result<Vec<Imported>, StoreError> {
        let mut outcomes = Vec::with_capacity(people.len());
        for person in people {
            outcomes.push(self.standing(person).await?);
        }
        Ok(outcomes)
    }

    /// Takes people over, as an operator's act; says in their order what became of each. Whoever is there already stays as they are, so
    /// that the same call may be made again. All come in one commit, which is what many are taken over fast by; where some are there
    /// already, the others do; and only where somebody among these is in another's way does each have their own.
    pub async fn import_users(&self, people: &[ImportUser]) -> Result<Vec<Imported>, StoreError> {
        let all: Vec<_> = people.iter().collect();
        if self.try_import(&all).await? {
            return Ok(vec![Imported::Created; people.len()]);
        }
        let mut outcomes = self.preview_import(people).await?;
        let new = people.iter().zip(&outcomes).filter(|(_, outcome)| **outcome == Imported::Created);
        let new: Vec<_> = new.map(|(person, _)| person).collect();
        if !self.try_import(&new).await? {
            for (person, outcome) in people.iter().zip(&mut outcomes) {
                if *outcome == Imported::Created {
                    *outcome = self.import_one(person).await?;
                }
            }
        }
        Ok(outcomes)
    }

    /// Takes all of them over, or none, where somebody is in the way of one of them.
    async fn try_import(&self, people: &[&ImportUser]) -> Result<bool, StoreError> {
        match self.commit_import(people).await {
            Ok(()) => Ok(true),
            Err(CommitError::Taken { .. } | CommitError::Conflict { .. }) => Ok(false),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    async fn import_one(&self, person: &ImportUser) -> Result<Imported, StoreError> {
        match self.commit_import(&[person]).await {
            Ok(()) => Ok(Imported::Created),
            Err(CommitError::Taken { key }) => match key.space() {
                ClaimSpace::Email => Ok(Imported::AlreadyThere),
                ClaimSpace::Username
                | ClaimSpace::BusinessNumber
                | ClaimSpace::IdempotencyKey
                | ClaimSpace::Feature => Ok(Imported::UsernameTaken),
            },
            Err(CommitError::Conflict { .. }) => Err(StoreError::Contention),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    async fn standing(&self, person: &ImportUser) -> Result<Imported, StoreError> {
        let users = &self.ports().users;
        if users.find_by_email(&person.profile.email).await?.is_some() {
            return Ok(Imported::AlreadyThere);
        }
        match &person.profile.username {
            Some(username) if users.find_by_username(username).await?.is_some() => {
                Ok(Imported::UsernameTaken)
            }
            _ => Ok(Imported::Created),
        }
    }

    async fn commit_import(&self, people: &[&ImportUser]) -> Result<(), CommitError> {
        if people.is_empty() {
            return Ok(());
        }
        let (origin, now) = (Origin::default(), self.now());
        let mut commit = Commit::default();
        for person in people {
            // By its id an account is listed among those of its time.
            let id = self.new_id(person.created_at.unwrap_or(now));
            self.stage_new(&mut commit, id, &Act::system(&origin, now), decide(person, id, now));
        }
        self.ports().events.commit(commit).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use uuid::Uuid;

    use super::*;
    use crate::{
        port::{HashError, UnreadableHash, Verdict},
        value::Password,
    };

    /// Reads what begins with a dollar sign.
    struct Hasher;

    #[async_trait]
    impl PasswordHasher for Hasher {
        async fn hash(&self, _: &Password) -> Result<PasswordHash, HashError> {
            unreachable!("nobody's password is known")
        }

        async fn verify<'a>(
            &'a self,
            _: &'a Password,
            _: Option<&'a PasswordHash>,
        ) -> Result<Verdict, HashError> {
            unreachable!("nobody's password is known")
        }

        fn reads(&self, hash: &PasswordHash) -> Result<(), UnreadableHash> {
            if hash.expose().starts_with('$') { Ok(()) } else { Err(UnreadableHash::Unsupported) }
        }
    }

    fn input() -> ImportInput {
        ImportInput {
            email: Some("jane@example.com".to_owned()),
            name: Some("Jane Doe".to_owned()),
            ..ImportInput::default()
        }
    }

    fn decided(input: ImportInput) -> Decision {
        let person = ImportUser::parse(input, &Hasher, DateTime::UNIX_EPOCH).expect("valid");
        decide(&person, UserId::new(Uuid::from_u128(1)), DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_person_of_whom_nothing_else_is_said_may_sign_in_once_their_address_is_proven() {
        let decision = decided(input());
        let [UserEvent::Created { facts, .. }] = &decision.events[..] else { panic!("{decision:?}") };
        assert_eq!((facts.role, facts.is_active, facts.is_verified), (Role::User, true, false));
        assert_eq!(decision.rows, []);
    }

    #[test]
    fn a_person_keeps_their_hash_their_role_and_their_standing() {
        let decision = decided(ImportInput {
            password_hash: Some(PasswordHash::new("$2b$")),
            role: Some("moderator".to_owned()),
            is_active: Some(false),
            is_verified: Some(true),
            ..input()
        });
        let [UserEvent::Created { facts, .. }] = &decision.events[..] else { panic!("{decision:?}") };
        assert_eq!((facts.role, facts.is_active, facts.is_verified), (Role::Moderator, false, true));
        let [RowChange::PutCredential(credential)] = &decision.rows[..] else { panic!("{decision:?}") };
        assert_eq!(credential.password.expose(), "$2b$");
    }

    #[test]
    fn since_when_somebody_has_an_account_is_kept_and_lies_in_the_past() {
        let parse = |text: &str| parse_past(text, DateTime::UNIX_EPOCH + chrono::TimeDelta::days(1));
        let kept = parse("1970-01-01T09:30:00.123456789+09:00").map(|time| time.timestamp_micros());
        assert_eq!(kept, Ok(30 * 60 * 1_000_000 + 123_456));
        for wrong in ["1969-12-31T23:59:59Z", "1970-01-02T00:00:00.000001Z", "1970-01-01", "0", ""] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once_and_what_is_missing_once() {
        let input = ImportInput {
            password_hash: Some(PasswordHash::new("md5")),
            username: Some("?".to_owned()),
            phone: Some("?".to_owned()),
            role: Some("emperor".to_owned()),
            created_at: Some("yesterday".to_owned()),
            ..ImportInput::default()
        };
        let violations = ImportUser::parse(input, &Hasher, DateTime::UNIX_EPOCH).expect_err("invalid");
        let names: Vec<_> = violations.fields().keys().copied().collect();
        assert_eq!(names, ["created_at", "email", "name", "password_hash", "phone", "role", "username"]);
        assert_eq!(violations.fields()["email"], ["is missing"]);
        assert_eq!(violations.fields()["name"], ["is missing"]);
    }
}
