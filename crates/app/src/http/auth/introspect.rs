use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};
use portcullis_domain::{
    Identity,
    api_key::{ApiKeyPrefix, Principal},
    caller::{Permission, Role},
    feature::FeatureName,
    introspection::{IntrospectError, Introspection, TokenKind},
    value::{Secret, Username},
};
use uuid::Uuid;

use crate::http::{Authority, Group, api_key::Inquiring, body::FormBody, error::Failed};

pub(in crate::http) struct IntrospectApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct IntrospectRequest {
    /// An access token, a refresh token or an API key.
    token: String,
    /// What kind it is taken for; it is found out whatever this says.
    token_type_hint: Option<String>,
}

/// What a token is. Of one that is not good: `{"active": false}` and no more.
#[derive(Default, Object)]
#[oai(skip_serializing_if_is_none)]
struct IntrospectionResponse {
    /// Whether it is good now: authentic, within its time, and its session or key alive.
    active: bool,
    /// What it allows, each part after a space: permissions, or of an API key the features that it names.
    scope: Option<String>,
    /// Of an API key its prefix.
    client_id: Option<String>,
    /// Of a person who has one.
    username: Option<String>,
    /// `Bearer` of what requests are made with, `refresh_token` or `api_key`.
    token_type: Option<String>,
    exp: Option<i64>,
    iat: Option<i64>,
    nbf: Option<i64>,
    /// The id of the person, or of the company whose the key is.
    sub: Option<String>,
    aud: Option<String>,
    iss: Option<String>,
    jti: Option<String>,
    /// The session.
    sid: Option<Uuid>,
    /// The company that the person belongs to, or whose the key is.
    cid: Option<Uuid>,
    /// What the person is to the service now.
    role: Option<String>,
    /// What that allows.
    perms: Option<Vec<String>>,
}

impl IntrospectionResponse {
    fn of(found: Introspection, authority: &Authority) -> Self {
        let is_key = found.kind == TokenKind::ApiKey;
        let permissions: Vec<_> = found.permissions.iter().map(|one| Permission::as_str(*one)).collect();
        let features: Vec<_> = found.features.iter().map(FeatureName::as_str).collect();
        let scope = if is_key { features.join(" ") } else { permissions.join(" ") };
        let token_type = match found.kind {
            TokenKind::Access => "Bearer",
            TokenKind::Refresh | TokenKind::ApiKey => found.kind.as_str(),
        };
        let sub = match found.subject {
            Principal::User(user) => user.to_string(),
            Principal::Company(company) => company.to_string(),
        };
        Self {
            active: true,
            scope: Some(scope),
            client_id: found.api_key.as_ref().map(ApiKeyPrefix::to_string),
            username: found.username.map(Username::into_string),
            token_type: Some(token_type.to_owned()),
            exp: Some(found.expires_at.timestamp()),
            iat: Some(found.issued_at.timestamp()),
            nbf: Some(found.issued_at.timestamp()),
            sub: Some(sub),
            aud: Some(authority.audience.clone()),
            iss: Some(authority.issuer.clone()),
            jti: found.token.map(|token| token.to_string()),
            sid: found.session.map(Into::into),
            cid: found.company.map(Into::into),
            role: found.role.map(|role| Role::as_str(role).to_owned()),
            perms: (!is_key).then(|| permissions.into_iter().map(str::to_owned).collect()),
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/auth", tag = "Group::Authentication")]
impl IntrospectApi {
    /// What a token is, and whether it is good (RFC 7662); with an API key, or signed in with `token:introspect`.
    ///
    /// A form or JSON. It is asked of the store, so a token whose session has ended is not good from that moment on.
    #[oai(path = "/introspect", method = "post", operation_id = "introspect")]
    async fn introspect(
        &self,
        identity: Data<&Identity>,
        authority: Data<&Authority>,
        inquiring: Inquiring,
        body: FormBody<IntrospectRequest>,
    ) -> Result<Json<IntrospectionResponse>, Failed<IntrospectError>> {
        let token = Secret::new(body.0.token);
        let found = identity.introspect(inquiring.as_inquirer(), &token).await?;
        let answer = found.map(|found| IntrospectionResponse::of(found, authority.0));
        Ok(Json(answer.unwrap_or_default()))
    }
}
