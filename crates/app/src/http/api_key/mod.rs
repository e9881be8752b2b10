//! `/api/v1/api_key`

mod caller;
mod generate;
mod list;
mod response;
mod revoke;
mod rotate;

pub(super) use caller::{Inquiring, authenticate};
pub(super) use generate::GenerateApiKeyApi;
pub(super) use list::ListApiKeysApi;
pub(super) use response::{ApiKeyResponse, PrincipalResponse};
pub(super) use revoke::RevokeApiKeyApi;
pub(super) use rotate::RotateApiKeyApi;
