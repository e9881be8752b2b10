use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};
use portcullis_domain::{
    Identity,
    session::{SignIn, SignInError},
    value::Password,
};

use super::token::TokenResponse;
use crate::http::{Group, body::Body, client::Client, error::Failed};

pub(in crate::http) struct LoginApi;

/// The password and exactly one of `email` and `username`.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct LoginRequest {
    email: Option<String>,
    username: Option<String>,
    password: String,
}

#[OpenApi(prefix_path = "/api/v1/auth", tag = "Group::Authentication")]
impl LoginApi {
    /// Sign in.
    #[oai(path = "/login", method = "post", operation_id = "login")]
    async fn login(
        &self,
        identity: Data<&Identity>,
        client: Client,
        body: Body<LoginRequest>,
    ) -> Result<Json<TokenResponse>, Failed<SignInError>> {
        let LoginRequest { email, username, password } = body.0;
        let command = SignIn::parse(email, username, Password::new(password)).map_err(SignInError::from)?;
        Ok(Json(identity.sign_in(command, &client.0).await?.into()))
    }
}
