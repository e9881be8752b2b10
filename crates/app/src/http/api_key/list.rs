use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use portcullis_domain::{
    Identity,
    api_key::{ApiKeyPage, ListApiKeysError},
};

use super::ApiKeyResponse;
use crate::http::{Group, bearer::Bearer, error::Failed, page};

pub(in crate::http) struct ListApiKeysApi;

/// Some of the caller's API keys.
#[derive(Object)]
struct ApiKeyListResponse {
    items: Vec<ApiKeyResponse>,
    /// What to send as `cursor` for the next page; null when this was the last.
    next_cursor: Option<String>,
}

#[OpenApi(prefix_path = "/api/v1/api_key", tag = "Group::ApiKeys")]
impl ListApiKeysApi {
    /// The caller's own keys, newest first, without what opens them; of owners and managers of a company its keys too.
    #[oai(path = "/", method = "get", operation_id = "list_api_keys")]
    async fn list_api_keys(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        /// How many at most; 50 unless told.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ApiKeyListResponse>, Failed<ListApiKeysError>> {
        let after = page::read_cursor(cursor.0.as_deref())?;
        let asked = page::limit(limit.0);
        let ApiKeyPage { keys, next } = identity.list_api_keys(&bearer.0, after, asked).await?;
        Ok(Json(ApiKeyListResponse {
            items: keys.into_iter().map(Into::into).collect(),
            next_cursor: next.as_ref().map(page::write_cursor),
        }))
    }
}
