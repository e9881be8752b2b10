//! Companies, and who belongs to them.

mod approve_member;
mod business_number;
mod change_member_role;
mod event;
mod get_company;
mod invitation;
mod invite_member;
mod list_members;
mod member;
mod register_company;
mod register_member;
mod remove_member;
mod right;
mod standing;
mod update_company;

use chrono::{DateTime, Utc};

pub use approve_member::ApproveMemberError;
pub use change_member_role::ChangeMemberRoleError;
pub(crate) use event::schemas as event_schemas;
pub use event::{CompanyChange, CompanyChanges, CompanyCreated, CompanyEvent, CompanyField, Departure};
pub use get_company::{GetCompanyError, OwnCompanyError};
pub use invitation::Invitation;
pub use invite_member::{InvitationMail, Invite, InviteInput, InviteMemberError, IssuedInvitation};
pub use list_members::{ListMembersError, MemberPage};
pub use member::{Member, MemberRole, MemberStatus, Membership};
pub use register_company::{RegisterCompany, RegisterCompanyError, RegisterCompanyInput, RegisteredCompany};
pub use register_member::{RegisterMember, RegisterMemberError, RegisterMemberInput};
pub use remove_member::RemoveMemberError;
pub use right::{CompanyRight, MembershipError};
pub use update_company::{CompanyUpdate, UpdateCompanyError};

use crate::{
    commit::{Claim, ClaimKey},
    event::Version,
    id::{CompanyId, StreamId},
    value::{CompanyName, ShortText},
};

/// A company: what its stream's events add up to. Its members are rows of their own, for there may be many; whatever changes them
/// appends to this stream, so that its version guards them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Company {
    /// Which.
    pub id: CompanyId,
    /// The version of the company's stream.
    pub version: Version,
    /// Its name.
    pub name: CompanyName,
    /// Its registration number, unique over all companies.
    pub business_number: Option<ShortText>,
    /// Its industry.
    pub industry: Option<ShortText>,
    /// Its region.
    pub region: Option<ShortText>,
    /// Has members; a company whose last member was erased is closed.
    pub is_active: bool,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When its profile or standing last changed.
    pub updated_at: DateTime<Utc>,
}

impl Company {
    /// The company's stream.
    pub fn stream(&self) -> StreamId {
        self.id.into()
    }

    /// The company after one more event; never fails: what happened has happened.
    pub fn apply(state: Option<Self>, event: &CompanyEvent, at: DateTime<Utc>) -> Option<Self> {
        if let CompanyEvent::Created(facts) = event {
            return Some(Self {
                id: facts.company_id,
                version: 1,
                name: facts.name.clone(),
                business_number: facts.business_number.clone(),
                industry: facts.industry.clone(),
                region: facts.region.clone(),
                is_active: true,
                created_at: at,
                updated_at: at,
            });
        }
        let mut company = state?;
        company.version += 1;
        match event {
            CompanyEvent::Updated { changes } => {
                for (field, change) in changes {
                    company.set(*field, change.after.clone());
                }
                company.updated_at = at;
            }
            CompanyEvent::Closed => {
                company.is_active = false;
                company.updated_at = at;
            }
            CompanyEvent::Created(_)
            | CompanyEvent::ApiKey(_)
            | CompanyEvent::MemberInvited { .. }
            | CompanyEvent::MemberJoined { .. }
            | CompanyEvent::MemberApproved { .. }
            | CompanyEvent::MemberRemoved { .. }
            | CompanyEvent::MemberRoleChanged { .. }
            | CompanyEvent::OfStream(_) => {}
        }
        Some(company)
    }

    /// The company after an event of a type that this version does not know: it counts, and is taken to have changed nothing.
    #[must_use]
    pub fn after_unknown(self) -> Self {
        Self { version: self.version + 1, ..self }
    }

    fn get(&self, field: CompanyField) -> Option<&str> {
        match field {
            CompanyField::Name => Some(self.name.as_str()),
            CompanyField::BusinessNumber => self.business_number.as_ref().map(ShortText::as_str),
            CompanyField::Industry => self.industry.as_ref().map(ShortText::as_str),
            CompanyField::Region => self.region.as_ref().map(ShortText::as_str),
        }
    }

    /// Sets a field to what an event says; a name cannot be cleared.
    fn set(&mut self, field: CompanyField, text: Option<ShortText>) {
        match field {
            CompanyField::Name => {
                if let Some(text) = text {
                    self.name = CompanyName::new(text.into_string());
                }
            }
            CompanyField::BusinessNumber => self.business_number = text,
            CompanyField::Industry => self.industry = text,
            CompanyField::Region => self.region = text,
        }
    }

    /// The fields in which `after` differs.
    pub fn changes_to(&self, after: &Self) -> CompanyChanges {
        let text = |company: &Self, field| company.get(field).map(ShortText::new);
        CompanyField::ALL
            .into_iter()
            .map(|field| (field, CompanyChange { before: text(self, field), after: text(after, field) }))
            .filter(|(_, change)| change.before != change.after)
            .collect()
    }

    fn claim_key(&self) -> Option<ClaimKey> {
        self.business_number.as_ref().filter(|_| self.is_active).map(ClaimKey::business_number)
    }

    /// What must be taken and released when a company becomes another: its business number is unique while it is active.
    pub fn claims_between(before: Option<&Self>, after: Option<&Self>) -> Vec<Claim> {
        let Some(owner) = before.or(after).map(|company| company.id.into()) else { return Vec::new() };
        let held = before.and_then(Self::claim_key);
        let wanted = after.and_then(Self::claim_key);
        if held == wanted {
            return Vec::new();
        }
        let release = held.map(|key| Claim::Release { key, owner });
        release.into_iter().chain(wanted.map(|key| Claim::Take { key, owner })).collect()
    }
}
