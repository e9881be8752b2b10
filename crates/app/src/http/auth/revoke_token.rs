use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};
use portcullis_domain::{Identity, introspection::RevokeTokenError, value::Secret};

use super::MessageResponse;
use crate::http::{Group, body::FormBody, client::Client, error::Failed};

pub(in crate::http) struct RevokeTokenApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct RevokeTokenRequest {
    /// An access token, a refresh token or an API key.
    token: String,
    /// What kind it is taken for; it is found out whatever this says.
    token_type_hint: Option<String>,
}

#[OpenApi(prefix_path = "/api/v1/auth", tag = "Group::Authentication")]
impl RevokeTokenApi {
    /// End what a token stands for (RFC 7009): the session of an access or refresh token with all of its tokens, or an API key.
    ///
    /// A form or JSON. Whoever has the token may end it. The answer is the same whatever the token.
    #[oai(path = "/revoke", method = "post", operation_id = "revoke_token")]
    async fn revoke_token(
        &self,
        identity: Data<&Identity>,
        client: Client,
        body: FormBody<RevokeTokenRequest>,
    ) -> Result<Json<MessageResponse>, Failed<RevokeTokenError>> {
        identity.revoke_token(&Secret::new(body.0.token), &client.0).await?;
        Ok(MessageResponse::new("If the token was good, it is no more"))
    }
}
