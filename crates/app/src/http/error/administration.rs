//! The failures of what administrators do.

use portcullis_domain::{
    administration::{
        ActivateError, ChangeRoleError, CreateUserError, DeactivateError, GetUserError, ListSessionsOfError,
        ListUsersError, RevokeSessionsOfError, UnlockError, UpdateUserError,
    },
    code::Code,
};

use super::{Fails, Failure};

impl Fails for ListUsersError {
    const CODES: &'static [Code] =
        &[Code::ValidationFailed, Code::TokenInvalid, Code::TokenExpired, Code::PermissionDenied];

    fn into_failure(self) -> Failure {
        match self {
            Self::Denied(denied) => denied.into(),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for CreateUserError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::InvalidEmailFormat,
        Code::WeakPassword,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::PermissionDenied,
        Code::EmailAlreadyExists,
        Code::UsernameAlreadyExists,
        Code::Overloaded,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Denied(denied) => denied.into(),
            Self::Register(error) => error.into_failure(),
        }
    }
}

impl Fails for UpdateUserError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::PermissionDenied,
        Code::UserNotFound,
        Code::UsernameAlreadyExists,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Denied(denied) => denied.into(),
            Self::Update(error) => error.into_failure(),
        }
    }
}

/// What every act on somebody else's account may fail with.
const ADMINISTERED: [Code; 5] = [
    Code::ValidationFailed,
    Code::TokenInvalid,
    Code::TokenExpired,
    Code::PermissionDenied,
    Code::UserNotFound,
];

/// As `ADMINISTERED`, and where the last administrator would be lost.
const DEPOSED: [Code; 6] = [
    Code::ValidationFailed,
    Code::TokenInvalid,
    Code::TokenExpired,
    Code::PermissionDenied,
    Code::UserNotFound,
    Code::StateConflict,
];

macro_rules! administrative {
    ($($error:ident: $codes:ident $({ $($variant:ident),+ })?;)+) => {$(
        impl Fails for $error {
            const CODES: &'static [Code] = &$codes;

            fn into_failure(self) -> Failure {
                match self {
                    Self::Denied(denied) => denied.into(),
                    Self::NotFound => Failure::new(Code::UserNotFound),
                    $($(Self::$variant(reason) => reason.into(),)+)?
                    Self::Store(error) => error.into(),
                }
            }
        }
    )+};
}

administrative! {
    GetUserError: ADMINISTERED;
    ActivateError: ADMINISTERED;
    UnlockError: ADMINISTERED;
    ListSessionsOfError: ADMINISTERED;
    RevokeSessionsOfError: ADMINISTERED;
    ChangeRoleError: DEPOSED { LastAdmin };
    DeactivateError: DEPOSED { LastAdmin };
}
