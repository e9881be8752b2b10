use poem_openapi::{Enum, Object};
use portcullis_domain::{
    api_key::{ApiKey, IssuedApiKey, Principal, PrincipalKind},
    feature::FeatureName,
    value::ShortText,
};
use uuid::Uuid;

use crate::http::timestamp::Timestamp;

/// What a principal is.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub(in crate::http) enum PrincipalKindName {
    User,
    Company,
}

/// Somebody in whose name a key is used.
#[derive(Object)]
pub(in crate::http) struct PrincipalResponse {
    kind: PrincipalKindName,
    id: Uuid,
}

/// An API key, without what opens it.
#[derive(Object)]
pub(in crate::http) struct ApiKeyResponse {
    id: Uuid,
    name: String,
    /// The public part of the key, by which one is told from another.
    prefix: String,
    owner: PrincipalResponse,
    /// The names of the features that it is good for, and of no others.
    features: Vec<String>,
    created_at: Timestamp,
    expires_at: Timestamp,
    /// To the minute; null before it is used.
    last_used_at: Option<Timestamp>,
}

/// An API key with its text, which is shown this once.
#[derive(Object)]
pub(super) struct IssuedApiKeyResponse {
    id: Uuid,
    name: String,
    /// What to send as `API-Key`; shown here and nowhere else.
    api_key: String,
    /// The public part of the key, by which one is told from another.
    prefix: String,
    owner: PrincipalResponse,
    /// The names of the features that it is good for, and of no others.
    features: Vec<String>,
    expires_at: Timestamp,
}

fn names(features: Vec<FeatureName>) -> Vec<String> {
    features.into_iter().map(|name| name.as_str().to_owned()).collect()
}

impl From<Principal> for PrincipalResponse {
    fn from(principal: Principal) -> Self {
        let kind = match principal.kind() {
            PrincipalKind::User => PrincipalKindName::User,
            PrincipalKind::Company => PrincipalKindName::Company,
        };
        Self { kind, id: principal.id() }
    }
}

impl From<ApiKey> for ApiKeyResponse {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.into(),
            name: ShortText::into_string(key.name),
            prefix: key.prefix.to_string(),
            owner: key.owner.into(),
            features: names(key.features),
            created_at: key.created_at.into(),
            expires_at: key.expires_at.into(),
            last_used_at: key.last_used_at.map(Into::into),
        }
    }
}

impl From<IssuedApiKey> for IssuedApiKeyResponse {
    fn from(IssuedApiKey { key, text }: IssuedApiKey) -> Self {
        Self {
            id: key.id.into(),
            name: ShortText::into_string(key.name),
            api_key: text.expose().to_owned(),
            prefix: key.prefix.to_string(),
            owner: key.owner.into(),
            features: names(key.features),
            expires_at: key.expires_at.into(),
        }
    }
}
