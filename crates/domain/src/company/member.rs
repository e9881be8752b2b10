use chrono::{DateTime, Utc};

use super::CompanyEvent;
use crate::{
    caller::named,
    id::{CompanyId, UserId},
    value::CompanyName,
};

named! {
    /// What a member is to their company.
    MemberRole {
        /// Does everything; a company is never without one.
        Owner = "owner",
        /// Edits the company, invites and approves members.
        Manager = "manager",
        /// Belongs to it.
        Member = "member",
    }
}

named! {
    /// How far a membership has come.
    MemberStatus {
        /// They belong to the company.
        Active = "active",
        /// They asked to, and an owner or manager has not approved it yet.
        Pending = "pending",
    }
}

/// That a person belongs to a company, or asks to. A person belongs to one at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// Of which company.
    pub company: CompanyId,
    /// What they are to it.
    pub role: MemberRole,
    /// Whether they are in already.
    pub status: MemberStatus,
    /// When they joined or asked to.
    pub joined_at: DateTime<Utc>,
}

/// A membership with what is shown of its company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The membership.
    pub member: Member,
    /// The company's name.
    pub company_name: CompanyName,
}

impl Member {
    /// The membership after one more event about it; `None` is none, before they join and after they are gone. Never fails: what happened
    /// has happened.
    pub fn apply(
        state: Option<Self>,
        company: CompanyId,
        event: &CompanyEvent,
        at: DateTime<Utc>,
    ) -> Option<Self> {
        match event {
            CompanyEvent::MemberJoined { user_id, role, status, .. } => {
                Some(Self { user: *user_id, company, role: *role, status: *status, joined_at: at })
            }
            CompanyEvent::MemberApproved { .. } => {
                state.map(|member| Self { status: MemberStatus::Active, joined_at: at, ..member })
            }
            CompanyEvent::MemberRoleChanged { after, .. } => {
                state.map(|member| Self { role: *after, ..member })
            }
            CompanyEvent::MemberRemoved { .. } => None,
            CompanyEvent::Created(_)
            | CompanyEvent::Updated { .. }
            | CompanyEvent::Closed
            | CompanyEvent::MemberInvited { .. }
            | CompanyEvent::ApiKey(_)
            | CompanyEvent::OfStream(_) => state,
        }
    }

    /// In, and not merely asking.
    pub fn is_active(&self) -> bool {
        self.status == MemberStatus::Active
    }

    /// In, and its owner.
    pub fn is_owner(&self) -> bool {
        self.is_active() && self.role == MemberRole::Owner
    }
}
