//! `/api/v1/users`

mod profile;
mod response;

pub(super) use profile::ProfileApi;
pub(super) use response::UserResponse;
