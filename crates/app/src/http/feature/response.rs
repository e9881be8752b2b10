use poem_openapi::Object;
use portcullis_domain::feature::{Feature, FeatureSettings};
use uuid::Uuid;

use crate::http::{timestamp::Timestamp, user::RoleName};

/// What a program may be let into.
#[derive(Object)]
pub(super) struct FeatureResponse {
    id: Uuid,
    /// By which it is unique.
    name: String,
    description: String,
    /// Whether anybody is let in at all.
    enabled: bool,
    /// What somebody must be to the service, at least.
    required_role: Option<RoleName>,
    /// Whose members alone are let in.
    company_id: Option<Uuid>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Feature> for FeatureResponse {
    fn from(feature: Feature) -> Self {
        let FeatureSettings { description, enabled, required_role, company_id } = feature.settings;
        Self {
            id: feature.id.into(),
            name: feature.name.as_str().to_owned(),
            description: description.as_str().to_owned(),
            enabled,
            required_role: required_role.map(Into::into),
            company_id: company_id.map(Into::into),
            created_at: feature.created_at.into(),
            updated_at: feature.updated_at.into(),
        }
    }
}
