//! `/api/v1/users/…/login-history`

mod of;
mod own;
mod response;

pub(super) use of::LoginHistoryOfApi;
pub(super) use own::OwnLoginHistoryApi;
