use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};
use portcullis_domain::{Identity, session::SignOutError};

use super::MessageResponse;
use crate::http::{Group, bearer::Bearer, body::Body, client::Client, error::Failed};

pub(in crate::http) struct LogoutApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct LogoutRequest {
    /// Whether all the caller's sessions end, not this one alone.
    all: Option<bool>,
}

#[OpenApi(prefix_path = "/api/v1/auth", tag = "Group::Authentication")]
impl LogoutApi {
    /// Sign out: the session's access and refresh tokens are dead at once.
    #[oai(path = "/logout", method = "post", operation_id = "logout")]
    async fn logout(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        body: Body<LogoutRequest>,
    ) -> Result<Json<MessageResponse>, Failed<SignOutError>> {
        identity.sign_out(&bearer.0, body.0.all.unwrap_or_default(), &client.0).await?;
        Ok(MessageResponse::new("Signed out"))
    }
}
