use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path},
    payload::Json,
};
use portcullis_domain::{
    Identity,
    feature::{AccessFeatureError, AccessGranted},
};
use uuid::Uuid;

use crate::{
    http::{
        Group,
        api_key::{PrincipalResponse, authenticate},
        bearer::Bearer,
        error::Failed,
    },
    metric::Metrics,
};

pub(in crate::http) struct AccessFeatureApi;

/// That somebody is let in.
#[derive(Object)]
struct FeatureAccessResponse {
    /// Always true: a refusal is an error.
    granted: bool,
    /// The feature's name.
    feature: String,
    /// In whose name.
    principal: PrincipalResponse,
    api_key_id: Uuid,
}

impl From<AccessGranted> for FeatureAccessResponse {
    fn from(AccessGranted { feature, principal, api_key }: AccessGranted) -> Self {
        let (feature, principal) = (feature.as_str().to_owned(), principal.into());
        Self { granted: true, feature, principal, api_key_id: api_key.into() }
    }
}

#[OpenApi(prefix_path = "/api/v1/feature", tag = "Group::Features")]
impl AccessFeatureApi {
    /// Whether somebody who is signed in is let into a feature with an API key of the same principal: their own, or their company's.
    ///
    /// Every answer is counted, by feature and key. A refusal (`details.reason` is `different_principal`, `not_in_key_features`, `role_too_low` or
    /// `other_company`) is recorded before it is answered; what is granted is recorded within a second, so a service that is killed may lose
    /// the counts of the last second of what it granted, and nothing else.
    #[oai(path = "/access/:feature_name", method = "post", operation_id = "access_feature")]
    async fn access_feature(
        &self,
        identity: Data<&Identity>,
        metrics: Data<&Arc<Metrics>>,
        bearer: Bearer,
        /// The API key, which is needed too.
        #[oai(name = "API-Key")]
        api_key: Header<Option<String>>,
        feature_name: Path<String>,
    ) -> Result<Json<FeatureAccessResponse>, Failed<AccessFeatureError>> {
        let key = authenticate(identity.0, metrics.0, api_key.0.as_deref()).await?;
        let answer = identity.access_feature(&bearer.0, &key, &feature_name.0).await;
        metrics.key.answered(answer.as_ref().err());
        Ok(Json(answer?.into()))
    }
}
