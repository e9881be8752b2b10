use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, payload::Json};
use portcullis_domain::{
    Identity,
    company::{RegisterMember, RegisterMemberError, RegisterMemberInput},
    user::{RegisterError, RegisterInput},
    value::{Language, Password, Secret},
};

use crate::http::{Group, body::Body, client::Client, error::Failed, language::Asked, user::UserResponse};

pub(in crate::http) struct RegisterUserApi;

/// Exactly one of `company_id` and `invitation_code`.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct RegisterUserRequest {
    /// At most 254 characters; stored as given, compared case-folded. The one that was invited, where the invitation names one.
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
    /// The company to ask: the membership is pending until an owner or manager approves it.
    company_id: Option<String>,
    /// An invitation's code, `pci_…`: the membership is active at once, and the code is used up.
    invitation_code: Option<String>,
}

#[derive(ApiResponse)]
enum RegisterUserResponse {
    /// The new account.
    #[oai(status = 201)]
    Created(Json<UserResponse>),
}

impl RegisterUserRequest {
    fn into_input(self, language: Language) -> RegisterMemberInput {
        RegisterMemberInput {
            account: RegisterInput {
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
            },
            company_id: self.company_id,
            invitation_code: self.invitation_code.map(Secret::new),
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/auth", tag = "Group::Authentication")]
impl RegisterUserApi {
    /// Register a person as a member of a company: by an invitation, or asking to be approved.
    ///
    /// A six-digit code is mailed to the address, invited or not; `POST /auth/verify-email` takes it.
    #[oai(path = "/register/user", method = "post", operation_id = "register_user")]
    async fn register_user(
        &self,
        identity: Data<&Identity>,
        client: Client,
        language: Asked,
        body: Body<RegisterUserRequest>,
    ) -> Result<RegisterUserResponse, Failed<RegisterMemberError>> {
        let command = RegisterMember::parse(body.0.into_input(language.or_default()));
        let command =
            command.map_err(|violations| RegisterMemberError::from(RegisterError::from(violations)))?;
        let account = identity.register_member(command, &client.0).await?;
        Ok(RegisterUserResponse::Created(Json(account.into())))
    }
}
