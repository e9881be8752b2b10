//! Failures of what is done with API keys, features and tokens.

use portcullis_domain::{
    api_key::{
        AuthenticateApiKeyError, IssueApiKeyError, ListApiKeysError, RevokeApiKeyError, RotateApiKeyError,
    },
    code::Code,
    feature::{
        AccessFeatureError, AccessRefused, FeatureUsageError, GetFeatureError, ListFeaturesError,
        RegisterFeatureError, RemoveFeatureError, UpdateFeatureError, Verdict,
    },
    introspection::{IntrospectError, RevokeTokenError},
};

use super::{Failed, Fails, Failure};

/// Of a text that never was a key.
const MISTYPED: &str = "mistyped";
/// What is in the way of whoever has as many keys as they may.
const TOO_MANY_API_KEYS: &str = "too_many_api_keys";

impl From<Failed<AuthenticateApiKeyError>> for Failure {
    fn from(failed: Failed<AuthenticateApiKeyError>) -> Self {
        failed.0
    }
}

impl Fails for AuthenticateApiKeyError {
    const CODES: &'static [Code] = &[Code::ApiKeyInvalid];

    fn into_failure(self) -> Failure {
        match self {
            // Anybody can compute a checksum: to say that it is wrong tells nothing of any key.
            Self::Mistyped(_) => {
                let mut failure = Failure::new(Code::ApiKeyInvalid);
                failure.details.insert("reason".to_owned(), MISTYPED.into());
                failure
            }
            Self::Unknown | Self::Expired | Self::OwnerInactive => Failure::new(Code::ApiKeyInvalid),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for IssueApiKeyError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::PermissionDenied,
        Code::MembershipPending,
        Code::CompanyNotFound,
        Code::StateConflict,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Invalid(violations) => violations.into(),
            Self::Membership(error) => error.into(),
            Self::TooMany => Failure::forbidden_by(TOO_MANY_API_KEYS),
            // Since the request was authenticated.
            Self::OwnerGone => Failure::new(Code::TokenInvalid),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for ListApiKeysError {
    const CODES: &'static [Code] = &[Code::ValidationFailed, Code::TokenInvalid, Code::TokenExpired];

    fn into_failure(self) -> Failure {
        match self {
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for RevokeApiKeyError {
    const CODES: &'static [Code] =
        &[Code::ValidationFailed, Code::TokenInvalid, Code::TokenExpired, Code::ApiKeyNotFound];

    fn into_failure(self) -> Failure {
        match self {
            Self::NotFound => Failure::new(Code::ApiKeyNotFound),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for RotateApiKeyError {
    const CODES: &'static [Code] =
        &[Code::ValidationFailed, Code::TokenInvalid, Code::TokenExpired, Code::ApiKeyNotFound];

    fn into_failure(self) -> Failure {
        match self {
            Self::NotFound => Failure::new(Code::ApiKeyNotFound),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for RegisterFeatureError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::PermissionDenied,
        Code::CompanyNotFound,
        Code::FeatureAlreadyExists,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Invalid(violations) => violations.into(),
            Self::Denied(denied) => denied.into(),
            Self::NameTaken => Failure::new(Code::FeatureAlreadyExists),
            Self::CompanyNotFound => Failure::new(Code::CompanyNotFound),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for UpdateFeatureError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::PermissionDenied,
        Code::CompanyNotFound,
        Code::FeatureNotFound,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Invalid(violations) => violations.into(),
            Self::Denied(denied) => denied.into(),
            Self::NotFound => Failure::new(Code::FeatureNotFound),
            Self::CompanyNotFound => Failure::new(Code::CompanyNotFound),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for RemoveFeatureError {
    const CODES: &'static [Code] =
        &[Code::TokenInvalid, Code::TokenExpired, Code::PermissionDenied, Code::FeatureNotFound];

    fn into_failure(self) -> Failure {
        match self {
            Self::Denied(denied) => denied.into(),
            Self::NotFound => Failure::new(Code::FeatureNotFound),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for ListFeaturesError {
    const CODES: &'static [Code] = &[Code::ValidationFailed, Code::TokenInvalid, Code::TokenExpired];

    fn into_failure(self) -> Failure {
        match self {
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for GetFeatureError {
    const CODES: &'static [Code] = &[Code::TokenInvalid, Code::TokenExpired, Code::FeatureNotFound];

    fn into_failure(self) -> Failure {
        match self {
            Self::NotFound => Failure::new(Code::FeatureNotFound),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for FeatureUsageError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::PermissionDenied,
        Code::FeatureNotFound,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Denied(denied) => denied.into(),
            Self::NotFound => Failure::new(Code::FeatureNotFound),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for AccessFeatureError {
    const CODES: &'static [Code] = &[
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::ApiKeyInvalid,
        Code::FeatureNotFound,
        Code::FeatureDisabled,
        Code::FeatureAccessDenied,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::NotFound => Failure::new(Code::FeatureNotFound),
            Self::Refused(AccessRefused(Verdict::Disabled)) => Failure::new(Code::FeatureDisabled),
            Self::Refused(AccessRefused(verdict)) => {
                let mut failure = Failure::new(Code::FeatureAccessDenied);
                failure.details.insert("reason".to_owned(), verdict.as_str().into());
                failure
            }
            // Since the request was authenticated.
            Self::CallerGone => Failure::new(Code::TokenInvalid),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for IntrospectError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::UnsupportedMediaType,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::ApiKeyInvalid,
        Code::PermissionDenied,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Denied(denied) => denied.into(),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for RevokeTokenError {
    const CODES: &'static [Code] = &[Code::ValidationFailed, Code::UnsupportedMediaType];

    fn into_failure(self) -> Failure {
        match self {
            Self::Store(error) => error.into(),
        }
    }
}
