use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use portcullis_domain::{
    Identity,
    administration::{ListSessionsOfError, RevokeSessionsOfError},
};
use uuid::Uuid;

use crate::http::{
    Group, bearer::Bearer, client::Client, error::Failed, message::MessageResponse,
    session::SessionListResponse,
};

pub(in crate::http) struct SessionsOfApi;

#[OpenApi(prefix_path = "/api/v1/users", tag = "Group::Administration")]
impl SessionsOfApi {
    /// Anybody's sessions, newest first; needs `user:read`. That they were looked at is recorded.
    #[oai(path = "/:id/sessions", method = "get", operation_id = "list_sessions_of")]
    async fn list_sessions_of(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        id: Path<Uuid>,
    ) -> Result<Json<SessionListResponse>, Failed<ListSessionsOfError>> {
        let sessions = identity.list_sessions_of(&bearer.0, id.0.into()).await?;
        Ok(Json(SessionListResponse::new(sessions, bearer.0.session)))
    }

    /// End all of somebody's sessions; needs `user:update`.
    #[oai(path = "/:id/sessions", method = "delete", operation_id = "revoke_sessions_of")]
    async fn revoke_sessions_of(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        id: Path<Uuid>,
    ) -> Result<Json<MessageResponse>, Failed<RevokeSessionsOfError>> {
        identity.revoke_sessions_of(&bearer.0, id.0.into(), &client.0).await?;
        Ok(MessageResponse::new("All sessions have ended"))
    }
}
