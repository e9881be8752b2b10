use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};
use portcullis_domain::{
    Identity,
    value::Secret,
    verification::{VerifyEmail, VerifyEmailError},
};

use super::MessageResponse;
use crate::http::{Group, body::Body, client::Client, error::Failed, steady::steadily};

pub(in crate::http) struct VerifyEmailApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct VerifyEmailRequest {
    email: String,
    /// The six digits from the mail.
    code: String,
}

#[OpenApi(prefix_path = "/api/v1/auth", tag = "Group::Authentication")]
impl VerifyEmailApi {
    /// Verify an address with the code that was mailed to it.
    ///
    /// A code is good for 30 minutes and five tries.
    #[oai(path = "/verify-email", method = "post", operation_id = "verify_email")]
    async fn verify_email(
        &self,
        identity: Data<&Identity>,
        client: Client,
        body: Body<VerifyEmailRequest>,
    ) -> Result<Json<MessageResponse>, Failed<VerifyEmailError>> {
        let VerifyEmailRequest { email, code } = body.0;
        let command = VerifyEmail { email, code: Secret::new(code) };
        steadily(identity.verify_email(command, &client.0)).await?;
        Ok(MessageResponse::new("The e-mail address is verified"))
    }
}
