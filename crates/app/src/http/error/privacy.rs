//! The failures of a person's copy of what is held on them, and of their erasure.

use portcullis_domain::{
    code::Code,
    privacy::{EraseError, EraseSelfError, EraseUserError, ExportError},
};

use super::{Fails, Failure};

impl From<EraseError> for Failure {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::NotFound => Self::new(Code::UserNotFound),
            EraseError::LastAdmin(last) => last.into(),
            EraseError::LastOwner => Self::forbidden_by("last_owner"),
            EraseError::Store(error) => error.into(),
        }
    }
}

impl Fails for EraseSelfError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::ReauthenticationRequired,
        Code::UserNotFound,
        Code::StateConflict,
        Code::Overloaded,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::ReauthenticationRequired => Failure::new(Code::ReauthenticationRequired),
            Self::Hash(error) => error.into(),
            Self::Erase(error) => error.into(),
        }
    }
}

impl Fails for EraseUserError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::PermissionDenied,
        Code::ReauthenticationRequired,
        Code::UserNotFound,
        Code::StateConflict,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Denied(denied) => denied.into(),
            Self::ReauthenticationRequired => Failure::new(Code::ReauthenticationRequired),
            Self::Erase(error) => error.into(),
        }
    }
}

impl Fails for ExportError {
    const CODES: &'static [Code] = &[Code::TokenInvalid, Code::TokenExpired, Code::UserNotFound];

    fn into_failure(self) -> Failure {
        match self {
            Self::NotFound => Failure::new(Code::UserNotFound),
            Self::Store(error) => error.into(),
        }
    }
}
