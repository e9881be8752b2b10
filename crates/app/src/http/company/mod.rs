//! `/api/v1/companies`

mod approve_member;
mod change_member_role;
mod get;
mod invite_member;
mod list_members;
mod own;
mod remove_member;
mod response;

pub(super) use approve_member::ApproveMemberApi;
pub(super) use change_member_role::ChangeMemberRoleApi;
pub(super) use get::GetCompanyApi;
pub(super) use invite_member::InviteMemberApi;
pub(super) use list_members::ListMembersApi;
pub(super) use own::OwnCompanyApi;
pub(super) use remove_member::RemoveMemberApi;
pub(super) use response::{CompanyResponse, MembershipResponse};
