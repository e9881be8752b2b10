use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, payload::Json};
use portcullis_domain::{
    Identity,
    administration::{CreateUser, CreateUserError},
    caller::Role,
    user::{RegisterError, RegisterInput},
    value::{Language, Password},
};

use crate::http::{
    Group,
    bearer::Bearer,
    body::Body,
    client::Client,
    error::Failed,
    language::Asked,
    user::{RoleName, UserResponse},
};

pub(in crate::http) struct CreateUserApi;

/// As for `POST /auth/register`, and what the account is to the service.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct CreateUserRequest {
    email: String,
    password: String,
    name: String,
    username: Option<String>,
    phone: Option<String>,
    business_type: Option<String>,
    business_number: Option<String>,
    industry: Option<String>,
    region: Option<String>,
    /// `user` unless told; another one needs `user:update_role` besides.
    role: Option<RoleName>,
    /// Whether the address needs no proof. Unless it does not, a code is mailed to it.
    is_verified: Option<bool>,
}

#[derive(ApiResponse)]
enum CreateUserResponse {
    /// The new account.
    #[oai(status = 201)]
    Created(Json<UserResponse>),
}

impl CreateUserRequest {
    fn into_input(self, language: Language) -> RegisterInput {
        RegisterInput {
            email: self.email,
            password: Password::new(self.password),
            name: self.name,
            username: self.username,
            phone: self.phone,
            business_type: self.business_type,
            business_number: self.business_number,
            industry: self.industry,
            region: self.region,
            language,
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/admin", tag = "Group::Administration")]
impl CreateUserApi {
    /// Make an account for somebody; needs `user:create`.
    ///
    /// Unless the address needs no proof, a code is mailed to it, in the language that this request asks for.
    #[oai(path = "/users", method = "post", operation_id = "create_user")]
    async fn create_user(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        language: Asked,
        body: Body<CreateUserRequest>,
    ) -> Result<CreateUserResponse, Failed<CreateUserError>> {
        let role = body.0.role.map_or(Role::User, Role::from);
        let is_verified = body.0.is_verified.unwrap_or_default();
        let command = CreateUser::parse(body.0.into_input(language.or_default()), role, is_verified);
        let command = command.map_err(RegisterError::from).map_err(CreateUserError::from)?;
        let user = identity.create_user(&bearer.0, command, &client.0).await?;
        Ok(CreateUserResponse::Created(Json(user.into())))
    }
}
