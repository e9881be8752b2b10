use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use portcullis_domain::{Identity, administration::ChangeRoleError};
use uuid::Uuid;

use crate::http::{
    Group,
    bearer::Bearer,
    body::Body,
    client::Client,
    error::Failed,
    user::{RoleName, UserResponse},
};

pub(in crate::http) struct RoleApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct RoleRequest {
    role: RoleName,
}

#[OpenApi(prefix_path = "/api/v1/users", tag = "Group::Administration")]
impl RoleApi {
    /// Change what somebody is to the service; needs `user:update_role`.
    ///
    /// Their sessions go on, with what the new role allows. The last active administrator keeps the role: 409 with the reason
    /// `last_admin`.
    #[oai(path = "/:id/role", method = "put", operation_id = "change_role")]
    async fn change_role(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        id: Path<Uuid>,
        body: Body<RoleRequest>,
    ) -> Result<Json<UserResponse>, Failed<ChangeRoleError>> {
        let user = identity.change_role(&bearer.0, id.0.into(), body.0.role.into(), &client.0).await?;
        Ok(Json(user.into()))
    }
}
