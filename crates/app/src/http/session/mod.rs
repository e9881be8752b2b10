//! `/api/v1/users/me/sessions`

mod own;
mod response;
mod revoke;

pub(super) use own::OwnSessionsApi;
pub(super) use response::{SessionListResponse, SessionResponse};
pub(super) use revoke::RevokeSessionApi;
