use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, payload::Json};
use portcullis_domain::{
    Identity,
    api_key::{IssueApiKey, IssueApiKeyError, IssueApiKeyInput},
};

use super::response::IssuedApiKeyResponse;
use crate::http::{Group, bearer::Bearer, body::Body, client::Client, error::Failed};

pub(in crate::http) struct GenerateApiKeyApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct GenerateApiKeyRequest {
    /// What the owner calls it: 1 to 100 characters.
    name: String,
    /// The names of the features that the key is good for, at most 100; of none unless told. One that is not registered yet may be named.
    features: Option<Vec<String>>,
    /// For how many seconds it is good, up to ten years of them; for a year unless told or set (`API_KEY_EXPIRE_DAYS`).
    expires_in: Option<i64>,
    /// Whose it is: `user`, the caller's own, unless told, or `company`, for a company's owners and managers.
    owner: Option<String>,
}

#[derive(ApiResponse)]
enum GenerateApiKeyResponse {
    /// The key.
    #[oai(status = 201)]
    Created(Json<IssuedApiKeyResponse>),
}

impl From<GenerateApiKeyRequest> for IssueApiKeyInput {
    fn from(request: GenerateApiKeyRequest) -> Self {
        let GenerateApiKeyRequest { name, features, expires_in, owner } = request;
        Self { name, features: features.unwrap_or_default(), expires_in, owner }
    }
}

#[OpenApi(prefix_path = "/api/v1/api_key", tag = "Group::ApiKeys")]
impl GenerateApiKeyApi {
    /// Make an API key: `pck_`, a public prefix, a secret and a checksum.
    ///
    /// The key itself is shown this once; only a hash of it is kept. It opens nothing but what is said to take an `API-Key`.
    #[oai(path = "/generate", method = "post", operation_id = "generate_api_key")]
    async fn generate_api_key(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        body: Body<GenerateApiKeyRequest>,
    ) -> Result<GenerateApiKeyResponse, Failed<IssueApiKeyError>> {
        let command = IssueApiKey::parse(&body.0.into()).map_err(IssueApiKeyError::from)?;
        let issued = identity.issue_api_key(&bearer.0, &command, &client.0).await?;
        Ok(GenerateApiKeyResponse::Created(Json(issued.into())))
    }
}
