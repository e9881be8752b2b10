use poem_openapi::Object;
use portcullis_domain::{id::SessionId, session::Session};
use uuid::Uuid;

use crate::http::timestamp::Timestamp;

/// A signed-in session.
#[derive(Object)]
pub(in crate::http) struct SessionResponse {
    id: Uuid,
    created_at: Timestamp,
    /// When it was last used, to the minute.
    last_seen_at: Timestamp,
    /// When it ends, unless it is refreshed before.
    expires_at: Timestamp,
    /// Where it was signed in or last refreshed from.
    ip_address: Option<String>,
    user_agent: Option<String>,
    /// Whether it is the session of this request.
    current: bool,
}

/// Sessions, newest first.
#[derive(Object)]
pub(in crate::http) struct SessionListResponse {
    items: Vec<SessionResponse>,
    /// Always null: an account has few sessions, and they are listed at once.
    next_cursor: Option<String>,
}

impl SessionResponse {
    pub(in crate::http) fn new(session: Session, current: SessionId) -> Self {
        Self {
            id: session.id.into(),
            created_at: session.created_at.into(),
            last_seen_at: session.last_seen_at.into(),
            expires_at: session.expires_at.into(),
            ip_address: session.origin.ip_address.map(|address| address.to_string()),
            user_agent: session.origin.user_agent,
            current: session.id == current,
        }
    }
}

impl SessionListResponse {
    pub(in crate::http) fn new(sessions: Vec<Session>, current: SessionId) -> Self {
        let items = sessions.into_iter().map(|session| SessionResponse::new(session, current)).collect();
        Self { items, next_cursor: None }
    }
}
