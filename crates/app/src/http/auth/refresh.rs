use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};
use portcullis_domain::{Identity, session::RefreshError, value::Secret};

use super::token::TokenResponse;
use crate::http::{Group, body::Body, client::Client, error::Failed};

pub(in crate::http) struct RefreshApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct RefreshRequest {
    /// The newest refresh token of the session.
    refresh_token: String,
}

#[OpenApi(prefix_path = "/api/v1/auth", tag = "Group::Authentication")]
impl RefreshApi {
    /// Trade a refresh token for a new pair of tokens.
    ///
    /// Each refresh token is good once. One that comes back later ends its session; within a few seconds it counts as a retry of a
    /// client whose answer was lost, and gets the current pair again.
    #[oai(path = "/refresh", method = "post", operation_id = "refresh")]
    async fn refresh(
        &self,
        identity: Data<&Identity>,
        client: Client,
        body: Body<RefreshRequest>,
    ) -> Result<Json<TokenResponse>, Failed<RefreshError>> {
        let token = Secret::new(body.0.refresh_token);
        Ok(Json(identity.refresh(&token, &client.0).await?.into()))
    }
}
