use std::fmt;

use thiserror::Error;

use super::{Account, Profile, User, UserEvent};
use crate::{
    audit::Accessed,
    caller::{Caller, Origin},
    commit::{ClaimSpace, CommitError},
    id::UserId,
    identity::{Act, Decision, Identity, Tries},
    port::StoreError,
    value::{PersonName, Phone, ShortText, Username, Violations},
};

/// What a change does to one field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Leaves it.
    #[default]
    Keep,
    /// Empties it.
    Clear,
    /// Sets it.
    Set(T),
}

/// A change to a profile: only what it names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileUpdate {
    /// `name`, which cannot be cleared.
    pub name: Patch<String>,
    /// `username`
    pub username: Patch<String>,
    /// `phone`
    pub phone: Patch<String>,
    /// `business_type`
    pub business_type: Patch<String>,
    /// `business_number`
    pub business_number: Patch<String>,
    /// `industry`
    pub industry: Patch<String>,
    /// `region`
    pub region: Patch<String>,
}

/// Why a profile was not changed.
#[derive(Debug, Error)]
pub enum UpdateProfileError {
    /// Fields are invalid.
    #[error(transparent)]
    Invalid(#[from] Violations),
    /// Somebody else has the username.
    #[error("the username is taken")]
    UsernameTaken,
    /// There is no such account (any more).
    #[error("no such user")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<T: AsRef<str>> Patch<T> {
    /// The field after the change; an invalid text is noted and leaves it.
    pub(crate) fn apply<V, E: fmt::Display>(
        &self,
        violations: &mut Violations,
        name: &'static str,
        field: &mut Option<V>,
        parse: impl Fn(&str) -> Result<V, E>,
    ) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(text) => {
                if let Some(value) = violations.field(name).parse(parse(text.as_ref())) {
                    *field = Some(value);
                }
            }
        }
    }
}

impl ProfileUpdate {
    /// The profile after the change.
    fn apply(&self, before: &Profile) -> Result<Profile, Violations> {
        let mut violations = Violations::default();
        let mut after = before.clone();
        let mut name = Some(before.name.clone());
        self.name.apply(&mut violations, "name", &mut name, PersonName::parse);
        match name {
            Some(name) => after.name = name,
            None => violations.field("name").refuse("must not be null"),
        }
        self.username.apply(&mut violations, "username", &mut after.username, Username::parse);
        self.phone.apply(&mut violations, "phone", &mut after.phone, Phone::parse);
        let texts = [
            (&self.business_type, "business_type", &mut after.business_type),
            (&self.business_number, "business_number", &mut after.business_number),
            (&self.industry, "industry", &mut after.industry),
            (&self.region, "region", &mut after.region),
        ];
        for (patch, name, field) in texts {
            patch.apply(&mut violations, name, field, ShortText::parse);
        }
        violations.into_result(Some(after))
    }
}

/// Decides a change of profile: one event with what really changed, none when nothing did.
pub(crate) fn decide(user: &User, update: &ProfileUpdate) -> Result<Decision, Violations> {
    let after = update.apply(&user.profile)?;
    let changes = user.profile.changes_to(&after);
    let fields = changes.keys().copied().collect();
    let event = UserEvent::Updated { fields, changes: Some(changes.clone()) };
    let events = if changes.is_empty() { Vec::new() } else { vec![event] };
    Ok(Decision { events, rows: Vec::new() })
}

impl Identity {
    /// Changes the caller's own profile; what the change does not name stays.
    pub async fn update_profile(
        &self,
        caller: &Caller,
        update: &ProfileUpdate,
        origin: &Origin,
    ) -> Result<Account, UpdateProfileError> {
        self.change_profile(caller, caller.user, update, origin).await
    }

    /// Changes a profile, the caller's own or another's, and notes that the caller is shown another's.
    pub(crate) async fn change_profile(
        &self,
        caller: &Caller,
        id: UserId,
        update: &ProfileUpdate,
        origin: &Origin,
    ) -> Result<Account, UpdateProfileError> {
        let mut tries = Tries::few();
        loop {
            let user = self.ports().users.find(id).await?.ok_or(UpdateProfileError::NotFound)?;
            let mut decision = decide(&user, update)?;
            if decision.events.is_empty() {
                self.note_accesses(caller, [user.stream()], Accessed::Profile).await?;
                return Ok(self.account_of(user).await?);
            }
            let now = self.now();
            decision.rows.extend(self.access(caller, user.stream(), Accessed::Profile, now));
            let key = self.data_key_of(&user).await?;
            let act = if id == caller.user {
                Act::own(id, origin, now)
            } else {
                self.act_of(caller, origin, now).await?
            };
            match self.record(user.id, Some(&user), &key, &act, decision).await {
                Ok(after) => {
                    let user = after.ok_or(UpdateProfileError::NotFound)?;
                    return Ok(self.account_of(user).await?);
                }
                Err(CommitError::Taken { key }) if key.space() == ClaimSpace::Username => {
                    return Err(UpdateProfileError::UsernameTaken);
                }
                Err(error) => tries.again(error)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        testing::{created, given},
        user::{ProfileChange, ProfileField},
    };

    fn set(text: &str) -> Patch<String> {
        Patch::Set(text.to_owned())
    }

    #[test]
    fn an_update_says_what_changed_and_nothing_else() {
        let update =
            ProfileUpdate { name: set("Jane Roe"), phone: set("010-1234-5678"), ..ProfileUpdate::default() };
        let change = |before: Option<&str>, after: &str| ProfileChange {
            before: before.map(ShortText::new),
            after: Some(ShortText::new(after)),
        };
        given([created()]).when(|user| decide(user, &update)).then([UserEvent::Updated {
            fields: [ProfileField::Name, ProfileField::Phone].into(),
            changes: Some(
                [
                    (ProfileField::Name, change(Some("Jane Doe"), "Jane Roe")),
                    (ProfileField::Phone, change(None, "010-1234-5678")),
                ]
                .into(),
            ),
        }]);
    }

    #[test]
    fn an_update_to_what_is_there_already_is_no_event() {
        let update = ProfileUpdate { name: set("Jane Doe"), phone: Patch::Clear, ..ProfileUpdate::default() };
        given([created()]).when(|user| decide(user, &update)).then([]);
    }

    #[test]
    fn a_name_cannot_be_cleared() {
        let update = ProfileUpdate { name: Patch::Clear, ..ProfileUpdate::default() };
        let refused = given([created()]).when(|user| decide(user, &update)).then_refused();
        assert_eq!(refused.fields()["name"], ["must not be null"]);
    }

    #[test]
    fn all_invalid_fields_are_named_at_once() {
        let update = ProfileUpdate {
            username: set("x"),
            phone: set("abc"),
            region: set(""),
            ..ProfileUpdate::default()
        };
        let refused = given([created()]).when(|user| decide(user, &update)).then_refused();
        assert_eq!(refused.fields().keys().copied().collect::<Vec<_>>(), ["phone", "region", "username"]);
    }

    #[test]
    fn the_event_adds_up_to_the_profile_that_was_asked_for() {
        let update =
            ProfileUpdate { username: set("Jane"), industry: set("Ships"), ..ProfileUpdate::default() };
        let user = given([created()]).user();
        let decision = decide(&user, &update).expect("valid");
        let after =
            User::apply(Some(user), &decision.events[0], chrono::DateTime::UNIX_EPOCH).expect("an account");
        assert_eq!(after.profile.username, Some(Username::new("jane")));
        assert_eq!(after.profile.industry, Some(ShortText::new("Ships")));
    }
}
