//! Failures of sign-ins and of what is done with sessions.

use portcullis_domain::{
    code::Code,
    session::{
        AuthenticateError, ListLoginHistoryError, ListLoginHistoryOfError, ListSessionsError, RefreshError,
        RevokeOtherSessionsError, RevokeSessionError, SignInError, SignOutError,
    },
};

use super::{Fails, Failure};

impl Fails for SignInError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::InvalidCredentials,
        Code::AccountDisabled,
        Code::AccountLocked,
        Code::EmailNotVerified,
        Code::TooManySessions,
        Code::Overloaded,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Invalid(violations) => violations.into(),
            Self::InvalidCredentials => Failure::new(Code::InvalidCredentials),
            Self::AccountDisabled => Failure::new(Code::AccountDisabled),
            Self::EmailNotVerified => Failure::new(Code::EmailNotVerified),
            Self::AccountLocked(locked) => locked.into(),
            Self::TooManySessions(_) => Failure::new(Code::TooManySessions),
            Self::Hash(error) => error.into(),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for ListLoginHistoryError {
    const CODES: &'static [Code] = &[Code::ValidationFailed, Code::TokenInvalid, Code::TokenExpired];

    fn into_failure(self) -> Failure {
        match self {
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for ListLoginHistoryOfError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::PermissionDenied,
        Code::UserNotFound,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Denied(denied) => denied.into(),
            Self::NotFound => Failure::new(Code::UserNotFound),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for RefreshError {
    const CODES: &'static [Code] =
        &[Code::ValidationFailed, Code::TokenInvalid, Code::SessionExpired, Code::RefreshTokenReused];

    fn into_failure(self) -> Failure {
        match self {
            Self::TokenInvalid => Failure::new(Code::TokenInvalid),
            Self::SessionExpired => Failure::new(Code::SessionExpired),
            Self::Reused => Failure::new(Code::RefreshTokenReused),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for AuthenticateError {
    const CODES: &'static [Code] = &[Code::TokenInvalid, Code::TokenExpired];

    fn into_failure(self) -> Failure {
        match self {
            Self::TokenInvalid => Failure::new(Code::TokenInvalid),
            Self::TokenExpired => Failure::new(Code::TokenExpired),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for SignOutError {
    const CODES: &'static [Code] = &[Code::ValidationFailed, Code::TokenInvalid, Code::TokenExpired];

    fn into_failure(self) -> Failure {
        match self {
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for ListSessionsError {
    const CODES: &'static [Code] = &[Code::TokenInvalid, Code::TokenExpired];

    fn into_failure(self) -> Failure {
        match self {
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for RevokeOtherSessionsError {
    const CODES: &'static [Code] = &[Code::TokenInvalid, Code::TokenExpired];

    fn into_failure(self) -> Failure {
        match self {
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for RevokeSessionError {
    const CODES: &'static [Code] =
        &[Code::ValidationFailed, Code::TokenInvalid, Code::TokenExpired, Code::SessionNotFound];

    fn into_failure(self) -> Failure {
        match self {
            Self::NotFound => Failure::new(Code::SessionNotFound),
            Self::Store(error) => error.into(),
        }
    }
}
