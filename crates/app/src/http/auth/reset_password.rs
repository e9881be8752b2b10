use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};
use portcullis_domain::{
    Identity,
    value::{Password, Secret},
    verification::{ResetPassword, ResetPasswordError},
};

use super::MessageResponse;
use crate::http::{Group, body::Body, client::Client, error::Failed, steady::steadily};

pub(in crate::http) struct ResetPasswordApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct ResetPasswordRequest {
    /// From the link in the mail.
    token: String,
    /// By the rules of registration, and none of the last five.
    new_password: String,
}

#[OpenApi(prefix_path = "/api/v1/auth", tag = "Group::Authentication")]
impl ResetPasswordApi {
    /// Choose a new password with the token that was mailed.
    ///
    /// Every session ends, and the address counts as verified. A token is good once, for 15 minutes and five tries.
    #[oai(path = "/password/reset", method = "post", operation_id = "reset_password")]
    async fn reset_password(
        &self,
        identity: Data<&Identity>,
        client: Client,
        body: Body<ResetPasswordRequest>,
    ) -> Result<Json<MessageResponse>, Failed<ResetPasswordError>> {
        let ResetPasswordRequest { token, new_password } = body.0;
        let command = ResetPassword { token: Secret::new(token), new_password: Password::new(new_password) };
        steadily(identity.reset_password(command, &client.0)).await?;
        Ok(MessageResponse::new("The new password is set; sign in with it"))
    }
}
