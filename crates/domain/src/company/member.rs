use chrono::{DateTime, Utc};

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
    /// In, and not merely asking.
    pub fn is_active(&self) -> bool {
        self.status == MemberStatus::Active
    }

    /// In, and its owner.
    pub fn is_owner(&self) -> bool {
        self.is_active() && self.role == MemberRole::Owner
    }

    /// In, and its owner or one of its managers.
    pub fn manages(&self) -> bool {
        self.is_active() && self.role != MemberRole::Member
    }
}
