//! Failures on streams.

use portcullis_domain::{
    code::Code,
    stream::{
        AppendEventError, DeactivateStreamError, LatestSnapshotError, SearchEventsError, SetMetadataError,
        StreamError, TakeSnapshotError,
    },
};

use super::{Fails, Failure};

fn version_conflict(expected: u64, actual: u64) -> Failure {
    let mut failure = Failure::new(Code::VersionConflict);
    failure.details.insert("expected".to_owned(), expected.into());
    failure.details.insert("actual".to_owned(), actual.into());
    failure
}

impl Fails for AppendEventError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::EventTypeReserved,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::PermissionDenied,
        Code::StreamNotFound,
        Code::StreamInactive,
        Code::VersionConflict,
        Code::IdempotencyConflict,
        Code::Overloaded,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Invalid(violations) => violations.into(),
            Self::Reserved => Failure::new(Code::EventTypeReserved),
            Self::NotFound => Failure::new(Code::StreamNotFound),
            Self::Denied(denied) => denied.into(),
            Self::Inactive => Failure::new(Code::StreamInactive),
            Self::VersionConflict { expected, actual } => version_conflict(expected, actual),
            Self::KeyReused => Failure::new(Code::IdempotencyConflict),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for SetMetadataError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::PermissionDenied,
        Code::StreamNotFound,
        Code::StreamInactive,
        Code::VersionConflict,
        Code::Overloaded,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Invalid(violations) => violations.into(),
            Self::NotFound => Failure::new(Code::StreamNotFound),
            Self::Denied(denied) => denied.into(),
            Self::Inactive => Failure::new(Code::StreamInactive),
            Self::VersionConflict { expected, actual } => version_conflict(expected, actual),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for DeactivateStreamError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::PermissionDenied,
        Code::StreamNotFound,
        Code::Overloaded,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Invalid(violations) => violations.into(),
            Self::NotFound => Failure::new(Code::StreamNotFound),
            Self::Denied(denied) => denied.into(),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for TakeSnapshotError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::PermissionDenied,
        Code::StreamNotFound,
        Code::StreamInactive,
        Code::Overloaded,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::NotFound => Failure::new(Code::StreamNotFound),
            Self::Denied(denied) => denied.into(),
            Self::Inactive => Failure::new(Code::StreamInactive),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for LatestSnapshotError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::StreamNotFound,
        Code::SnapshotNotFound,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::StreamNotFound => Failure::new(Code::StreamNotFound),
            Self::NotFound(_) => Failure::new(Code::SnapshotNotFound),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for StreamError {
    const CODES: &'static [Code] =
        &[Code::ValidationFailed, Code::TokenInvalid, Code::TokenExpired, Code::StreamNotFound];

    fn into_failure(self) -> Failure {
        match self {
            Self::NotFound => Failure::new(Code::StreamNotFound),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for SearchEventsError {
    const CODES: &'static [Code] =
        &[Code::ValidationFailed, Code::TokenInvalid, Code::TokenExpired, Code::StreamNotFound];

    fn into_failure(self) -> Failure {
        match self {
            Self::Invalid(violations) => violations.into(),
            Self::NotFound => Failure::new(Code::StreamNotFound),
            Self::Store(error) => error.into(),
        }
    }
}
