use poem_openapi::{Enum, Object};
use portcullis_domain::{
    company::{Company, Member, MemberRole, MemberStatus, Membership},
    value::ShortText,
};
use uuid::Uuid;

use crate::http::timestamp::Timestamp;

/// A company.
#[derive(Object)]
pub(in crate::http) struct CompanyResponse {
    id: Uuid,
    name: String,
    business_number: Option<String>,
    industry: Option<String>,
    region: Option<String>,
    /// Has members.
    is_active: bool,
    created_at: Timestamp,
    /// The history of this company.
    stream_id: Uuid,
    stream_version: u64,
}

/// The company that a person belongs to, or asks to join.
#[derive(Object)]
pub(in crate::http) struct MembershipResponse {
    id: Uuid,
    name: String,
    role: MemberRoleName,
    membership: MemberStatusName,
}

/// What a person is to their company.
#[derive(Object)]
pub(super) struct MemberResponse {
    user_id: Uuid,
    role: MemberRoleName,
    membership: MemberStatusName,
    /// When they came in; of a pending membership, when they asked to.
    joined_at: Timestamp,
}

#[derive(Enum)]
#[oai(rename_all = "lowercase")]
pub(super) enum MemberRoleName {
    Owner,
    Manager,
    Member,
}

#[derive(Enum)]
#[oai(rename_all = "lowercase")]
pub(super) enum MemberStatusName {
    Active,
    /// Until an owner or manager approves it.
    Pending,
}

impl From<MemberRole> for MemberRoleName {
    fn from(role: MemberRole) -> Self {
        match role {
            MemberRole::Owner => Self::Owner,
            MemberRole::Manager => Self::Manager,
            MemberRole::Member => Self::Member,
        }
    }
}

impl From<MemberStatus> for MemberStatusName {
    fn from(status: MemberStatus) -> Self {
        match status {
            MemberStatus::Active => Self::Active,
            MemberStatus::Pending => Self::Pending,
        }
    }
}

impl From<Company> for CompanyResponse {
    fn from(company: Company) -> Self {
        Self {
            id: company.id.into(),
            stream_id: company.stream().into(),
            name: company.name.into_string(),
            business_number: company.business_number.map(ShortText::into_string),
            industry: company.industry.map(ShortText::into_string),
            region: company.region.map(ShortText::into_string),
            is_active: company.is_active,
            created_at: company.created_at.into(),
            stream_version: company.version,
        }
    }
}

impl From<Membership> for MembershipResponse {
    fn from(Membership { member, company_name }: Membership) -> Self {
        Self {
            id: member.company.into(),
            name: company_name.into_string(),
            role: member.role.into(),
            membership: member.status.into(),
        }
    }
}

impl From<Member> for MemberResponse {
    fn from(member: Member) -> Self {
        Self {
            user_id: member.user.into(),
            role: member.role.into(),
            membership: member.status.into(),
            joined_at: member.joined_at.into(),
        }
    }
}
