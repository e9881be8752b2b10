use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use portcullis_domain::{
    Identity,
    company::{ChangeMemberRoleError, MemberRole},
};
use uuid::Uuid;

use super::response::MemberResponse;
use crate::http::{Group, bearer::Bearer, body::Body, client::Client, error::Failed};

pub(in crate::http) struct ChangeMemberRoleApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct MemberRoleRequest {
    /// `owner`, `manager` or `member`.
    role: String,
}

#[OpenApi(prefix_path = "/api/v1/companies", tag = "Group::Companies")]
impl ChangeMemberRoleApi {
    /// Make a member of the caller's company something else to it.
    ///
    /// For its owners (`company:own`). The last owner stays one (409, `details.reason` is `last_owner`), and who is not approved yet becomes
    /// nothing else (409, `membership_pending`).
    #[oai(path = "/me/members/:user_id/role", method = "put", operation_id = "change_member_role")]
    async fn change_member_role(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        user_id: Path<Uuid>,
        body: Body<MemberRoleRequest>,
    ) -> Result<Json<MemberResponse>, Failed<ChangeMemberRoleError>> {
        let role = MemberRole::parse(&body.0.role).map_err(ChangeMemberRoleError::from)?;
        let member = identity.change_member_role(&bearer.0, user_id.0.into(), role, &client.0).await?;
        Ok(Json(member.into()))
    }
}
