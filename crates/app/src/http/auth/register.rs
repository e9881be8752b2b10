use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, payload::Json};
use portcullis_domain::{
    Identity,
    user::{Register, RegisterError, RegisterInput},
    value::{Language, Password},
};

use crate::http::{Group, body::Body, client::Client, error::Failed, language::Asked, user::UserResponse};

pub(in crate::http) struct RegisterApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct RegisterRequest {
    /// At most 254 characters; stored as given, compared case-folded.
    email: String,
    /// 8 to 128 characters with an upper-case and a lower-case letter, a digit and one of `!@#$%^&*()_+-=`; not a common one, and
    /// without the address's local part or the name.
    password: String,
    /// 2 to 100 letters, digits, spaces and `.'-` of any script.
    name: String,
    /// 3 to 32 of `a-z0-9._-`, case-folded.
    username: Option<String>,
    /// E.164 or national digits with separators, at most 20 characters.
    phone: Option<String>,
    business_type: Option<String>,
    business_number: Option<String>,
    industry: Option<String>,
    region: Option<String>,
}

#[derive(ApiResponse)]
enum RegisterResponse {
    /// The new account.
    #[oai(status = 201)]
    Created(Json<UserResponse>),
}

impl RegisterRequest {
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

#[OpenApi(prefix_path = "/api/v1/auth", tag = "Group::Authentication")]
impl RegisterApi {
    /// Register a person.
    ///
    /// A six-digit code is mailed to the address; `POST /auth/verify-email` takes it.
    #[oai(path = "/register", method = "post", operation_id = "register")]
    async fn register(
        &self,
        identity: Data<&Identity>,
        client: Client,
        language: Asked,
        body: Body<RegisterRequest>,
    ) -> Result<RegisterResponse, Failed<RegisterError>> {
        let command =
            Register::parse(body.0.into_input(language.or_default())).map_err(RegisterError::from)?;
        let user = identity.register(command, &client.0).await?;
        Ok(RegisterResponse::Created(Json(user.into())))
    }
}
