use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use portcullis_domain::{
    Identity,
    feature::{FeatureUsage, FeatureUsageError, FeatureUsagePage},
};
use uuid::Uuid;

use crate::http::{Group, bearer::Bearer, error::Failed, page, timestamp::Timestamp};

pub(in crate::http) struct FeatureUsageApi;

/// How often a feature was asked for.
#[derive(Object)]
struct FeatureUsageResponse {
    /// The feature's name.
    feature: String,
    /// How often somebody was let in, with any key.
    granted: u64,
    /// How often somebody was not.
    refused: u64,
    items: Vec<KeyUsageResponse>,
    /// What to send as `cursor` for the next page; null when this was the last.
    next_cursor: Option<String>,
}

/// How often it was asked for with one key, which may be gone.
#[derive(Object)]
struct KeyUsageResponse {
    api_key_id: Uuid,
    granted: u64,
    refused: u64,
    /// When it was last asked for.
    last_at: Timestamp,
}

impl From<FeatureUsage> for KeyUsageResponse {
    fn from(FeatureUsage { api_key, granted, refused, last_at, .. }: FeatureUsage) -> Self {
        Self { api_key_id: api_key.into(), granted, refused, last_at: last_at.into() }
    }
}

#[OpenApi(prefix_path = "/api/v1/feature", tag = "Group::Features")]
impl FeatureUsageApi {
    /// How often a feature was asked for, by key; needs `feature:manage`. What another replica has granted is in it within a second.
    #[oai(path = "/:name/usage", method = "get", operation_id = "feature_usage")]
    async fn feature_usage(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        name: Path<String>,
        /// How many keys at most; 50 unless told.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<FeatureUsageResponse>, Failed<FeatureUsageError>> {
        let after = page::read_cursor(cursor.0.as_deref())?;
        let asked = page::limit(limit.0);
        let FeatureUsagePage { feature, total, usages, next } =
            identity.feature_usage(&bearer.0, &name.0, after, asked).await?;
        Ok(Json(FeatureUsageResponse {
            feature: feature.name.as_str().to_owned(),
            granted: total.granted,
            refused: total.refused,
            items: usages.into_iter().map(Into::into).collect(),
            next_cursor: next.as_ref().map(page::write_cursor),
        }))
    }
}
