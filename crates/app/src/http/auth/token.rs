use poem_openapi::Object;
use portcullis_domain::session::IssuedTokens;
use uuid::Uuid;

/// A pair of tokens.
#[derive(Object)]
pub(super) struct TokenResponse {
    /// For the `Authorization` header of every request.
    access_token: String,
    /// For `POST /auth/refresh`, once.
    refresh_token: String,
    /// `bearer`
    token_type: String,
    /// How many seconds the access token is good.
    expires_in: u64,
    /// How many seconds the refresh token is good.
    refresh_expires_in: u64,
    /// The session both belong to.
    session_id: Uuid,
}

impl From<IssuedTokens> for TokenResponse {
    fn from(tokens: IssuedTokens) -> Self {
        Self {
            access_token: tokens.access.expose().to_owned(),
            refresh_token: tokens.refresh.expose().to_owned(),
            token_type: "bearer".to_owned(),
            expires_in: tokens.access_expires_in.as_secs(),
            refresh_expires_in: tokens.refresh_expires_in.as_secs(),
            session_id: tokens.session.into(),
        }
    }
}
