use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use portcullis_domain::{
    Identity,
    company::{ListMembersError, MemberPage},
    user::Account,
};
use uuid::Uuid;

use super::response::{MemberRoleName, MemberStatusName};
use crate::http::{Group, bearer::Bearer, error::Failed, page, timestamp::Timestamp};

pub(in crate::http) struct ListMembersApi;

/// Some of a company's members.
#[derive(Object)]
struct MemberListResponse {
    items: Vec<MemberProfileResponse>,
    /// What to send as `cursor` for the next page; null when this was the last.
    next_cursor: Option<String>,
}

/// A member as those see them who deal with the company's members.
#[derive(Object)]
struct MemberProfileResponse {
    user_id: Uuid,
    email: String,
    name: String,
    role: MemberRoleName,
    membership: MemberStatusName,
    /// When they came in; of a pending membership, when they asked to.
    joined_at: Timestamp,
}

impl MemberProfileResponse {
    fn of(Account { user, membership }: Account) -> Option<Self> {
        let member = membership?.member;
        Some(Self {
            user_id: user.id.into(),
            email: user.profile.email.into_string(),
            name: user.profile.name.into_string(),
            role: member.role.into(),
            membership: member.status.into(),
            joined_at: member.joined_at.into(),
        })
    }
}

#[OpenApi(prefix_path = "/api/v1/companies", tag = "Group::Companies")]
impl ListMembersApi {
    /// The members of the caller's company, and those who ask to be; newest accounts first.
    ///
    /// For its owners and managers (`company:manage`). That they were looked at is recorded with the members.
    #[oai(path = "/me/members", method = "get", operation_id = "list_members")]
    async fn list_members(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        /// How many at most; 50 unless told.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<MemberListResponse>, Failed<ListMembersError>> {
        let after = page::read_cursor(cursor.0.as_deref())?;
        let asked = page::limit(limit.0);
        let MemberPage { members, next } = identity.list_members(&bearer.0, after, asked).await?;
        Ok(Json(MemberListResponse {
            items: members.into_iter().filter_map(MemberProfileResponse::of).collect(),
            next_cursor: next.as_ref().map(page::write_cursor),
        }))
    }
}
