use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};
use portcullis_domain::{
    Identity,
    caller::Permission,
    session::{AuthenticateError, Session},
};
use uuid::Uuid;

use crate::http::{Group, bearer::Bearer, error::Failed, timestamp::Timestamp, user::UserResponse};

pub(in crate::http) struct MeApi;

/// Everything about the caller.
#[derive(Object)]
struct MeResponse {
    user: UserResponse,
    /// Always null: this version knows people, not companies.
    company: Option<serde_json::Value>,
    /// What the caller's role allows.
    permissions: Vec<String>,
    session: SessionResponse,
}

#[derive(Object)]
struct SessionResponse {
    id: Uuid,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    ip_address: Option<String>,
    user_agent: Option<String>,
    /// Whether it is the session of this request.
    current: bool,
}

impl SessionResponse {
    fn new(session: Session, current: bool) -> Self {
        Self {
            id: session.id.into(),
            created_at: session.created_at.into(),
            last_seen_at: session.last_seen_at.into(),
            expires_at: session.expires_at.into(),
            ip_address: session.origin.ip_address.map(|address| address.to_string()),
            user_agent: session.origin.user_agent,
            current,
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/auth", tag = "Group::Authentication")]
impl MeApi {
    /// Who the caller is, what they may do, and in which session.
    #[oai(path = "/me", method = "get", operation_id = "me")]
    async fn me(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
    ) -> Result<Json<MeResponse>, Failed<AuthenticateError>> {
        let me = identity.me(&bearer.0).await?;
        Ok(Json(MeResponse {
            user: me.user.into(),
            company: None,
            permissions: bearer
                .0
                .permissions
                .iter()
                .copied()
                .map(Permission::as_str)
                .map(str::to_owned)
                .collect(),
            session: SessionResponse::new(me.session, true),
        }))
    }
}
