//! Failures of what people do with their accounts.

use portcullis_domain::{
    code::Code,
    user::{ChangePasswordError, GetProfileError, RegisterError, UpdateProfileError},
    verification::{ForgotPasswordError, ResendVerificationError, ResetPasswordError, VerifyEmailError},
};

use super::{Fails, Failure};

impl Fails for RegisterError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::InvalidEmailFormat,
        Code::WeakPassword,
        Code::EmailAlreadyExists,
        Code::UsernameAlreadyExists,
        Code::Overloaded,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Invalid(violations) => violations.into(),
            Self::EmailTaken => Failure::new(Code::EmailAlreadyExists),
            Self::UsernameTaken => Failure::new(Code::UsernameAlreadyExists),
            Self::Hash(error) => error.into(),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for VerifyEmailError {
    const CODES: &'static [Code] = &[Code::ValidationFailed, Code::CodeInvalid];

    fn into_failure(self) -> Failure {
        match self {
            Self::CodeInvalid => Failure::new(Code::CodeInvalid),
            Self::CodeExpired => Failure::new(Code::CodeInvalid).expired(),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for ResendVerificationError {
    const CODES: &'static [Code] = &[Code::ValidationFailed];

    fn into_failure(self) -> Failure {
        match self {
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for ForgotPasswordError {
    const CODES: &'static [Code] = &[Code::ValidationFailed];

    fn into_failure(self) -> Failure {
        match self {
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for ResetPasswordError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::CodeInvalid,
        Code::WeakPassword,
        Code::PasswordReused,
        Code::Overloaded,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::CodeInvalid => Failure::new(Code::CodeInvalid),
            Self::Invalid(violations) => violations.into(),
            Self::Reused => Failure::new(Code::PasswordReused),
            Self::Hash(error) => error.into(),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for ChangePasswordError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::ReauthenticationRequired,
        Code::AccountLocked,
        Code::WeakPassword,
        Code::PasswordReused,
        Code::Overloaded,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::WrongPassword => Failure::new(Code::ReauthenticationRequired),
            Self::Locked(locked) => locked.into(),
            Self::Invalid(violations) => violations.into(),
            Self::Reused => Failure::new(Code::PasswordReused),
            Self::Hash(error) => error.into(),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for GetProfileError {
    const CODES: &'static [Code] = &[Code::TokenInvalid, Code::TokenExpired, Code::UserNotFound];

    fn into_failure(self) -> Failure {
        match self {
            Self::NotFound => Failure::new(Code::UserNotFound),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for UpdateProfileError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::UserNotFound,
        Code::UsernameAlreadyExists,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Invalid(violations) => violations.into(),
            Self::UsernameTaken => Failure::new(Code::UsernameAlreadyExists),
            Self::NotFound => Failure::new(Code::UserNotFound),
            Self::Store(error) => error.into(),
        }
    }
}
