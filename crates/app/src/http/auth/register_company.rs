use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, payload::Json};
use portcullis_domain::{
    Identity,
    company::{RegisterCompany, RegisterCompanyError, RegisterCompanyInput, RegisteredCompany},
    user::RegisterError,
    value::{Language, Password},
};

use crate::http::{
    Group, body::Body, client::Client, company::CompanyResponse, error::Failed, language::Asked,
    user::UserResponse,
};

pub(in crate::http) struct RegisterCompanyApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct RegisterCompanyRequest {
    /// What the owner signs in with: at most 254 characters; stored as given, compared case-folded.
    email: String,
    /// 8 to 128 characters with an upper-case and a lower-case letter, a digit and one of `!@#$%^&*()_+-=`; not a common one, and
    /// without the address's local part or a name.
    password: String,
    /// The company's name: 2 to 100 characters.
    name: String,
    /// The owner's name: 2 to 100 letters, digits, spaces and `.'-` of any script. The company's, unless told.
    contact_name: Option<String>,
    /// The owner's: E.164 or national digits with separators, at most 20 characters.
    phone: Option<String>,
    /// Unique over all companies, however it is separated.
    business_number: Option<String>,
    industry: Option<String>,
    region: Option<String>,
}

/// A new company and its owner's account.
#[derive(Object)]
struct RegisteredCompanyResponse {
    company: CompanyResponse,
    user: UserResponse,
}

#[derive(ApiResponse)]
enum RegisterCompanyResponse {
    /// The new company and its owner's account.
    #[oai(status = 201)]
    Created(Json<RegisteredCompanyResponse>),
}

impl RegisterCompanyRequest {
    fn into_input(self, language: Language) -> RegisterCompanyInput {
        RegisterCompanyInput {
            email: self.email,
            password: Password::new(self.password),
            name: self.name,
            contact_name: self.contact_name,
            phone: self.phone,
            business_number: self.business_number,
            industry: self.industry,
            region: self.region,
            language,
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/auth", tag = "Group::Authentication")]
impl RegisterCompanyApi {
    /// Register a company and the account of its owner.
    ///
    /// A six-digit code is mailed to the address; `POST /auth/verify-email` takes it.
    #[oai(path = "/register/company", method = "post", operation_id = "register_company")]
    async fn register_company(
        &self,
        identity: Data<&Identity>,
        client: Client,
        language: Asked,
        body: Body<RegisterCompanyRequest>,
    ) -> Result<RegisterCompanyResponse, Failed<RegisterCompanyError>> {
        let command = RegisterCompany::parse(body.0.into_input(language.or_default()));
        let command =
            command.map_err(|violations| RegisterCompanyError::from(RegisterError::from(violations)))?;
        let RegisteredCompany { company, owner } = identity.register_company(command, &client.0).await?;
        let registered = RegisteredCompanyResponse { company: company.into(), user: owner.into() };
        Ok(RegisterCompanyResponse::Created(Json(registered)))
    }
}
