use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Query, payload::Json};
use portcullis_domain::{
    Identity,
    feature::{
        FeatureName, FeaturePage, ListFeaturesError, RegisterFeature, RegisterFeatureError,
        RegisterFeatureInput,
    },
};

use super::FeatureResponse;
use crate::http::{Group, bearer::Bearer, body::Body, client::Client, error::Failed, page};

pub(in crate::http) struct FeaturesApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct RegisterFeatureRequest {
    /// 1 to 64 of `a-z0-9._-`, beginning with a letter or digit; unique whatever its letter case.
    name: String,
    /// What it is, for people: at most 500 characters.
    description: Option<String>,
    /// What somebody must be to the service to be let in, at least: `user`, `moderator` or `admin`; anybody unless told.
    required_role: Option<String>,
    /// The company whose members alone are let in; anybody unless told.
    company_id: Option<String>,
}

#[derive(ApiResponse)]
enum RegisteredResponse {
    /// The feature, enabled.
    #[oai(status = 201)]
    Created(Json<FeatureResponse>),
}

impl From<RegisterFeatureRequest> for RegisterFeatureInput {
    fn from(request: RegisterFeatureRequest) -> Self {
        let RegisterFeatureRequest { name, description, required_role, company_id } = request;
        Self { name, description: description.unwrap_or_default(), required_role, company_id }
    }
}

/// Some of all features.
#[derive(Object)]
struct FeatureListResponse {
    items: Vec<FeatureResponse>,
    /// What to send as `cursor` for the next page; null when this was the last.
    next_cursor: Option<String>,
}

#[OpenApi(prefix_path = "/api/v1/feature", tag = "Group::Features")]
impl FeaturesApi {
    /// Register a feature; needs `feature:manage`.
    #[oai(path = "/", method = "post", operation_id = "register_feature")]
    async fn register_feature(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        body: Body<RegisterFeatureRequest>,
    ) -> Result<RegisteredResponse, Failed<RegisterFeatureError>> {
        let command = RegisterFeature::parse(&body.0.into()).map_err(RegisterFeatureError::from)?;
        let feature = identity.register_feature(&bearer.0, &command, &client.0).await?;
        Ok(RegisteredResponse::Created(Json(feature.into())))
    }

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
