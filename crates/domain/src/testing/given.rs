use std::fmt::Debug;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    caller::Role,
    commit::RowChange,
    id::UserId,
    identity::Decision,
    user::{Profile, User, UserCreated, UserEvent},
    value::{Email, PersonName},
};

/// An account with a history.
#[derive(Debug)]
pub struct Given(Option<User>);

/// What came of a decision.
#[derive(Debug)]
pub struct Outcome<E>(Result<Decision, E>);

/// Starts a test: an account to which this happened.
pub fn given(events: impl IntoIterator<Item = UserEvent>) -> Given {
    let start = DateTime::<Utc>::UNIX_EPOCH;
    Given(events.into_iter().fold(None, |state, event| User::apply(state, &event, start)))
}

/// The first event of an ordinary account, not verified yet.
pub fn created() -> UserEvent {
    UserEvent::Created {
        facts: UserCreated {
            user_id: UserId::new(Uuid::from_u128(1)),
            role: Role::User,
            is_active: true,
            is_verified: false,
            created_at: None,
        },
        profile: Some(Profile {
            email: Email::new("jane@example.com"),
            username: None,
            name: PersonName::new("Jane Doe"),
            phone: None,
            business_type: None,
            business_number: None,
            industry: None,
            region: None,
        }),
    }
}

impl Given {
    /// The account.
    ///
    /// # Panics
    ///
    /// When the events add up to none.
    pub fn user(self) -> User {
        self.0.expect("the events add up to an account")
    }

    /// Puts the account before a rule.
    pub fn when<E>(self, decide: impl FnOnce(&User) -> Result<Decision, E>) -> Outcome<E> {
        Outcome(decide(&self.user()))
    }
}

impl<E: Debug> Outcome<E> {
    /// Just this must have been decided.
    ///
    /// # Panics
    ///
    /// When it was not.
    pub fn then(self, events: impl IntoIterator<Item = UserEvent>) -> Vec<RowChange> {
        let decision = self.0.expect("the rule decides");
        assert_eq!(decision.events, events.into_iter().collect::<Vec<_>>());
        decision.rows
    }

    /// The rule must have refused; returns why.
    ///
    /// # Panics
    ///
    /// When it did not.
    pub fn then_refused(self) -> E {
        self.0.expect_err("the rule refuses")
    }
}
