use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};
use portcullis_domain::{
    Identity,
    user::{ChangePassword, ChangePasswordError},
    value::Password,
};

use super::MessageResponse;
use crate::http::{Group, bearer::Bearer, body::Body, client::Client, error::Failed};

pub(in crate::http) struct ChangePasswordApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct ChangePasswordRequest {
    current_password: String,
    /// By the rules of registration, and none of the last five.
    new_password: String,
}

#[OpenApi(prefix_path = "/api/v1/auth", tag = "Group::Authentication")]
impl ChangePasswordApi {
    /// Change one's password: every other session ends.
    #[oai(path = "/password/change", method = "post", operation_id = "change_password")]
    async fn change_password(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        body: Body<ChangePasswordRequest>,
    ) -> Result<Json<MessageResponse>, Failed<ChangePasswordError>> {
        let ChangePasswordRequest { current_password, new_password } = body.0;
        let command = ChangePassword {
            current_password: Password::new(current_password),
            new_password: Password::new(new_password),
        };
        identity.change_password(&bearer.0, command, &client.0).await?;
        Ok(MessageResponse::new("The password is changed; all other sessions have ended"))
    }
}
