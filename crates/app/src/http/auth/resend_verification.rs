use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use portcullis_domain::{Identity, verification::ResendVerificationError};

use super::Accepted;
use crate::http::{Group, body::Body, client::Client, error::Failed, language::Asked, steady::steadily};

pub(in crate::http) struct ResendVerificationApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct ResendVerificationRequest {
    email: String,
}

#[OpenApi(prefix_path = "/api/v1/auth", tag = "Group::Authentication")]
impl ResendVerificationApi {
    /// Have another code mailed.
    ///
    /// The answer is the same, and as quick, whether the address waits for its proof or not. The codes before it are void; within a
    /// minute of the last one no other is sent.
    #[oai(path = "/verify-email/resend", method = "post", operation_id = "resend_verification")]
    async fn resend_verification(
        &self,
        identity: Data<&Identity>,
        client: Client,
        language: Asked,
        body: Body<ResendVerificationRequest>,
    ) -> Result<Accepted, Failed<ResendVerificationError>> {
        steadily(identity.resend_verification(&body.0.email, language.0, &client.0)).await?;
        Ok(Accepted::new("If the address waits for its proof, a code is on its way"))
    }
}
