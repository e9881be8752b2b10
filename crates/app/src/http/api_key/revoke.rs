use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use portcullis_domain::{Identity, api_key::RevokeApiKeyError};
use uuid::Uuid;

use crate::http::{Group, bearer::Bearer, client::Client, error::Failed, message::MessageResponse};

pub(in crate::http) struct RevokeApiKeyApi;

#[OpenApi(prefix_path = "/api/v1/api_key", tag = "Group::ApiKeys")]
impl RevokeApiKeyApi {
    /// End one of the caller's own keys, or of their company's: it is dead at once, on every replica.
    #[oai(path = "/:id", method = "delete", operation_id = "revoke_api_key")]
    async fn revoke_api_key(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        id: Path<Uuid>,
    ) -> Result<Json<MessageResponse>, Failed<RevokeApiKeyError>> {
        identity.revoke_api_key(&bearer.0, id.0.into(), &client.0).await?;
        Ok(MessageResponse::new("The API key has ended"))
    }
}
