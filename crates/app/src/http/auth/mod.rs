//! `/api/v1/auth`

mod login;
mod logout;
mod me;
mod refresh;
mod register;
mod token;
mod verify_email;

pub(super) use login::LoginApi;
pub(super) use logout::LogoutApi;
pub(super) use me::MeApi;
pub(super) use refresh::RefreshApi;
pub(super) use register::RegisterApi;
pub(super) use verify_email::VerifyEmailApi;

use super::message::MessageResponse;
