//! `/api/v1/users`

mod export;
mod profile;
mod response;

pub(super) use export::ExportApi;
pub(super) use profile::{ProfileApi, ProfileRequest, patch};
pub(super) use response::{RoleName, UserResponse};
