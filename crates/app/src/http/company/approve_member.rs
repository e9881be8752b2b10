use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use portcullis_domain::{Identity, company::ApproveMemberError};
use uuid::Uuid;

use super::response::MemberResponse;
use crate::http::{Group, bearer::Bearer, client::Client, error::Failed};

pub(in crate::http) struct ApproveMemberApi;

#[OpenApi(prefix_path = "/api/v1/companies", tag = "Group::Companies")]
impl ApproveMemberApi {
    /// Let somebody who asks to join the caller's company in.
    ///
    /// For its owners and managers (`company:manage`). Who is in already stays in, and the answer is the same: the request may be repeated.
    #[oai(path = "/me/members/:user_id/approve", method = "post", operation_id = "approve_member")]
    async fn approve_member(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        user_id: Path<Uuid>,
    ) -> Result<Json<MemberResponse>, Failed<ApproveMemberError>> {
        Ok(Json(identity.approve_member(&bearer.0, user_id.0.into(), &client.0).await?.into()))
    }
}
