use std::{collections::BTreeMap, fmt::Debug};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    commit::RowChange,
    company::{Company, CompanyCreated, CompanyEvent, Invitation, Member, MemberRole, MemberStatus},
    id::{CompanyId, InvitationId, UserId},
    identity::CompanyDecision,
    value::{CompanyName, Language, ShortText},
};

const START: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// A company with a history, and its members.
#[derive(Clone, Debug, Default)]
pub struct GivenCompany {
    company: Option<Company>,
    members: BTreeMap<UserId, Member>,
}

/// What came of a decision about a company.
#[derive(Debug)]
pub struct CompanyOutcome<E>(Result<CompanyDecision, E>);

/// Starts a test: a company to which this happened.
pub fn given_company(events: impl IntoIterator<Item = CompanyEvent>) -> GivenCompany {
    events.into_iter().fold(GivenCompany::default(), |company, event| company.after(&event))
}

/// The first event of an ordinary company.
pub fn company_created() -> CompanyEvent {
    CompanyEvent::Created(CompanyCreated {
        company_id: CompanyId::new(Uuid::from_u128(1_000)),
        name: CompanyName::new("Smith & Sons"),
        business_number: Some(ShortText::new("123-45-67890")),
        industry: None,
        region: None,
    })
}

/// The person whom the tests call by this number.
pub const fn person(number: u128) -> UserId {
    UserId::new(Uuid::from_u128(number))
}

/// Somebody came in.
pub fn joined(number: u128, role: MemberRole) -> CompanyEvent {
    let user_id = person(number);
    CompanyEvent::MemberJoined { user_id, role, status: MemberStatus::Active, invitation_id: None }
}

/// Somebody asked to come in.
pub fn asked(number: u128) -> CompanyEvent {
    let (user_id, role) = (person(number), MemberRole::Member);
    CompanyEvent::MemberJoined { user_id, role, status: MemberStatus::Pending, invitation_id: None }
}

/// An open invitation of person 1, good for a day.
pub fn invitation(role: MemberRole) -> Invitation {
    Invitation {
        id: InvitationId::new(Uuid::from_u128(2_000)),
        company: CompanyId::new(Uuid::from_u128(1_000)),
        role,
        email: None,
        language: Language::En,
        invited_by: person(1),
        created_at: START,
        expires_at: START + TimeDelta::days(1),
    }
}

impl GivenCompany {
    /// The company after one more event.
    #[must_use]
    pub fn after(mut self, event: &CompanyEvent) -> Self {
        self.company = Company::apply(self.company, event, START);
        if let Some(user) = event.member() {
            let company = self.company().id;
            let before = self.members.remove(&user);
            self.members.extend(Member::apply(before, company, event, START).map(|after| (user, after)));
        }
        self
    }

    /// The company.
    ///
    /// # Panics
    ///
    /// When the events add up to none.
    pub fn company(&self) -> &Company {
        self.company.as_ref().expect("the events add up to a company")
    }

    /// One of its members.
    ///
    /// # Panics
    ///
    /// When they are none.
    pub fn member(&self, number: u128) -> &Member {
        self.members.get(&person(number)).expect("a member")
    }

    /// All members but one.
    pub fn others(&self, number: u128) -> Vec<Member> {
        self.members.values().filter(|member| member.user != person(number)).cloned().collect()
    }

    /// Its active owners.
    pub fn owners(&self) -> Vec<Member> {
        self.members.values().filter(|member| member.is_owner()).cloned().collect()
    }

    /// Puts the company before a rule.
    pub fn when<E>(&self, decide: impl FnOnce(&Self) -> Result<CompanyDecision, E>) -> CompanyOutcome<E> {
        CompanyOutcome(decide(self))
    }
}

impl<E: Debug> CompanyOutcome<E> {
    /// Just this must have been decided.
    ///
    /// # Panics
    ///
    /// When it was not.
    pub fn then(self, events: impl IntoIterator<Item = CompanyEvent>) -> Vec<RowChange> {
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
