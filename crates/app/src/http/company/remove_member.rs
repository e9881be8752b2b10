use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use portcullis_domain::{Identity, company::RemoveMemberError};
use uuid::Uuid;

use crate::http::{Group, bearer::Bearer, client::Client, error::Failed, message::MessageResponse};

pub(in crate::http) struct RemoveMemberApi;

#[OpenApi(prefix_path = "/api/v1/companies", tag = "Group::Companies")]
impl RemoveMemberApi {
    /// End a membership of the caller's company: somebody else's, or their own.
    ///
    /// Owners end any (`company:own`), managers those of plain members and of who asks to join (`company:manage`), and everybody may leave, but the last
    /// owner (409, `details.reason` is `last_owner`).
    #[oai(path = "/me/members/:user_id", method = "delete", operation_id = "remove_member")]
    async fn remove_member(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        user_id: Path<Uuid>,
    ) -> Result<Json<MessageResponse>, Failed<RemoveMemberError>> {
        identity.remove_member(&bearer.0, user_id.0.into(), &client.0).await?;
        Ok(MessageResponse::new("The membership has ended"))
    }
}
