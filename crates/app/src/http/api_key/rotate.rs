use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use portcullis_domain::{Identity, api_key::RotateApiKeyError};
use uuid::Uuid;

use super::response::IssuedApiKeyResponse;
use crate::http::{Group, bearer::Bearer, client::Client, error::Failed};

pub(in crate::http) struct RotateApiKeyApi;

#[OpenApi(prefix_path = "/api/v1/api_key", tag = "Group::ApiKeys")]
impl RotateApiKeyApi {
    /// Give one of the caller's own keys, or of their company's, another secret.
    ///
    /// Its prefix, its features and its end stay. The secret before is good for a while still (`API_KEY_ROTATION_OVERLAP_SECONDS`), one before that no
    /// more. A key whose secret has leaked is to be revoked.
    #[oai(path = "/:id/rotate", method = "post", operation_id = "rotate_api_key")]
    async fn rotate_api_key(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        id: Path<Uuid>,
    ) -> Result<Json<IssuedApiKeyResponse>, Failed<RotateApiKeyError>> {
        Ok(Json(identity.rotate_api_key(&bearer.0, id.0.into(), &client.0).await?.into()))
    }
}
