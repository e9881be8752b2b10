//! `/api/v1/auth`

mod change_password;
mod forgot_password;
mod introspect;
mod login;
mod logout;
mod me;
mod refresh;
mod register;
mod register_company;
mod register_user;
mod resend_verification;
mod reset_password;
mod revoke_token;
mod token;
mod verify_email;

pub(super) use change_password::ChangePasswordApi;
pub(super) use forgot_password::ForgotPasswordApi;
pub(super) use introspect::IntrospectApi;
pub(super) use login::LoginApi;
pub(super) use logout::LogoutApi;
pub(super) use me::MeApi;
pub(super) use refresh::RefreshApi;
pub(super) use register::RegisterApi;
pub(super) use register_company::RegisterCompanyApi;
pub(super) use register_user::RegisterUserApi;
pub(super) use resend_verification::ResendVerificationApi;
pub(super) use reset_password::ResetPasswordApi;
pub(super) use revoke_token::RevokeTokenApi;
pub(super) use verify_email::VerifyEmailApi;

use poem_openapi::{ApiResponse, payload::Json};

use super::message::MessageResponse;

#[derive(ApiResponse)]
enum Accepted {
    /// Whatever the address: what is to be said is said by mail.
    #[oai(status = 202)]
    Accepted(Json<MessageResponse>),
}

impl Accepted {
    fn new(message: &str) -> Self {
        Self::Accepted(MessageResponse::new(message))
    }
}
