//! `/api/v1/users`

mod profile;
mod response;

pub(super) use profile::{ProfileApi, ProfileRequest};
pub(super) use response::{RoleName, UserResponse};
