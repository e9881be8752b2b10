//! `/api/v1/users/{id}` and `/api/v1/admin`: the accounts of others.

mod account;
mod create;
mod list;
mod role;
mod session;
mod standing;

pub(super) use account::AccountApi;
pub(super) use create::CreateUserApi;
pub(super) use list::ListUsersApi;
pub(super) use role::RoleApi;
pub(super) use session::SessionsOfApi;
pub(super) use standing::StandingApi;
