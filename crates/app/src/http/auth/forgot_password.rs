use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use portcullis_domain::{Identity, verification::ForgotPasswordError};

use super::Accepted;
use crate::http::{Group, body::Body, client::Client, error::Failed, language::Asked, steady::steadily};

pub(in crate::http) struct ForgotPasswordApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct ForgotPasswordRequest {
    email: String,
}

#[OpenApi(prefix_path = "/api/v1/auth", tag = "Group::Authentication")]
impl ForgotPasswordApi {
    /// Have a link mailed with which a new password is chosen.
    ///
    /// The answer is the same, and as quick, whether the address has an account or not. The links before it are void; within a minute
    /// of the last one no other is sent.
    #[oai(path = "/password/forgot", method = "post", operation_id = "forgot_password")]
    async fn forgot_password(
        &self,
        identity: Data<&Identity>,
        client: Client,
        language: Asked,
        body: Body<ForgotPasswordRequest>,
    ) -> Result<Accepted, Failed<ForgotPasswordError>> {
        steadily(identity.forgot_password(&body.0.email, language.0, &client.0)).await?;
        Ok(Accepted::new("If the address has an account, a mail is on its way"))
    }
}
