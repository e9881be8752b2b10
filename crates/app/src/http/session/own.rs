use poem::web::Data;
use poem_openapi::{OpenApi, payload::Json};
use portcullis_domain::{
    Identity,
    session::{ListSessionsError, RevokeOtherSessionsError},
};

use super::SessionListResponse;
use crate::http::{Group, bearer::Bearer, client::Client, error::Failed, message::MessageResponse};

pub(in crate::http) struct OwnSessionsApi;

// Together, since the document keeps one implementation's operations of a path.
#[OpenApi(prefix_path = "/api/v1/users", tag = "Group::Users")]
impl OwnSessionsApi {
    /// The caller's own sessions, newest first.
    #[oai(path = "/me/sessions", method = "get", operation_id = "list_sessions")]
    async fn list_sessions(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
    ) -> Result<Json<SessionListResponse>, Failed<ListSessionsError>> {
        let sessions = identity.list_sessions(&bearer.0).await?;
        Ok(Json(SessionListResponse::new(sessions, bearer.0.session)))
    }

    /// End all of the caller's own sessions but the one of this request.
    #[oai(path = "/me/sessions", method = "delete", operation_id = "revoke_other_sessions")]
    async fn revoke_other_sessions(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
    ) -> Result<Json<MessageResponse>, Failed<RevokeOtherSessionsError>> {
        identity.revoke_other_sessions(&bearer.0, &client.0).await?;
        Ok(MessageResponse::new("All other sessions have ended"))
    }
}
