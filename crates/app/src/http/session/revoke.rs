use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use portcullis_domain::{Identity, session::RevokeSessionError};
use uuid::Uuid;

use crate::http::{Group, bearer::Bearer, client::Client, error::Failed, message::MessageResponse};

pub(in crate::http) struct RevokeSessionApi;

#[OpenApi(prefix_path = "/api/v1/users", tag = "Group::Users")]
impl RevokeSessionApi {
    /// End one of the caller's own sessions: its access and refresh tokens are dead at once.
    #[oai(path = "/me/sessions/:id", method = "delete", operation_id = "revoke_session")]
    async fn revoke_session(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        id: Path<Uuid>,
    ) -> Result<Json<MessageResponse>, Failed<RevokeSessionError>> {
        identity.revoke_session(&bearer.0, id.0.into(), &client.0).await?;
        Ok(MessageResponse::new("The session has ended"))
    }
}
