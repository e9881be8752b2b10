use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json, types::MaybeUndefined};
use portcullis_domain::{
    Identity,
    feature::{FeatureUpdate, GetFeatureError, RemoveFeatureError, UpdateFeatureError},
};

use super::FeatureResponse;
use crate::http::{
    Group, bearer::Bearer, body::Body, client::Client, error::Failed, message::MessageResponse, user::patch,
};

pub(in crate::http) struct FeatureApi;

/// What is named is changed; `null` empties a field.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct FeatureRequest {
    description: MaybeUndefined<String>,
    /// Whether anybody is let in at all.
    enabled: Option<bool>,
    /// What somebody must be to the service, at least; `null` for anybody.
    required_role: MaybeUndefined<String>,
    /// Whose members alone are let in; `null` for anybody.
    company_id: MaybeUndefined<String>,
}

impl From<FeatureRequest> for FeatureUpdate {
    fn from(request: FeatureRequest) -> Self {
        Self {
            description: patch(request.description),
            enabled: request.enabled,
            required_role: patch(request.required_role),
            company_id: patch(request.company_id),
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/feature", tag = "Group::Features")]
impl FeatureApi {
    /// A feature.
    #[oai(path = "/:name", method = "get", operation_id = "get_feature")]
    async fn get_feature(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        name: Path<String>,
    ) -> Result<Json<FeatureResponse>, Failed<GetFeatureError>> {
        Ok(Json(identity.get_feature(&bearer.0, &name.0).await?.into()))
    }

    /// Change a feature: only what the request names. Needs `feature:manage`.
    #[oai(path = "/:name", method = "put", operation_id = "update_feature")]
    async fn update_feature(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        name: Path<String>,
        body: Body<FeatureRequest>,
    ) -> Result<Json<FeatureResponse>, Failed<UpdateFeatureError>> {
        let changed = identity.update_feature(&bearer.0, &name.0, &body.0.into(), &client.0).await?;
        Ok(Json(changed.into()))
    }

    /// Remove a feature: its name is free again, and keys that name it are good for whatever has the name next. Needs `feature:manage`.
    #[oai(path = "/:name", method = "delete", operation_id = "remove_feature")]
    async fn remove_feature(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        name: Path<String>,
    ) -> Result<Json<MessageResponse>, Failed<RemoveFeatureError>> {
        identity.remove_feature(&bearer.0, &name.0, &client.0).await?;
        Ok(MessageResponse::new("The feature is removed"))
    }
}
