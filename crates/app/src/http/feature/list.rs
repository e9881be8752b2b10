use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use portcullis_domain::{
    Identity,
    feature::{FeatureName, FeaturePage, ListFeaturesError},
};

use super::FeatureResponse;
use crate::http::{Group, bearer::Bearer, error::Failed, page};

pub(in crate::http) struct ListFeaturesApi;

/// Some of all features.
#[derive(Object)]
struct FeatureListResponse {
    items: Vec<FeatureResponse>,
    /// What to send as `cursor` for the next page; null when this was the last.
    next_cursor: Option<String>,
}

#[OpenApi(prefix_path = "/api/v1/feature", tag = "Group::Features")]
impl ListFeaturesApi {
    /// All features, by name.
    #[oai(path = "/", method = "get", operation_id = "list_features")]
    async fn list_features(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        /// How many at most; 50 unless told.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<FeatureListResponse>, Failed<ListFeaturesError>> {
        let after: Option<FeatureName> = page::read_cursor(cursor.0.as_deref())?;
        let asked = page::limit(limit.0);
        let FeaturePage { features, next } = identity.list_features(&bearer.0, after.as_ref(), asked).await?;
        Ok(Json(FeatureListResponse {
            items: features.into_iter().map(Into::into).collect(),
            next_cursor: next.as_ref().map(page::write_cursor),
        }))
    }
}
