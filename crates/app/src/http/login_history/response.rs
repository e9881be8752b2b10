use poem_openapi::{Enum, Object};
use portcullis_domain::{
    id::LoginAttemptId,
    session::{LoginAttempt, LoginFailure, LoginHistoryPage},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::http::{error::Failure, page, timestamp::Timestamp};

/// Attempts to sign in, newest first.
#[derive(Object)]
pub(super) struct LoginHistoryResponse {
    items: Vec<LoginAttemptResponse>,
    /// What to send as `cursor` for the next page; null when this was the last.
    next_cursor: Option<String>,
}

/// An attempt to sign in.
#[derive(Object)]
struct LoginAttemptResponse {
    /// Where it came from.
    ip_address: Option<String>,
    /// What the client called itself.
    user_agent: Option<String>,
    success: bool,
    /// Why it failed; null when it did not.
    failure_reason: Option<FailureReason>,
    created_at: Timestamp,
}

/// Why an attempt failed. While an account is locked for a network, the first that is refused stands for all of them.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
enum FailureReason {
    InvalidPassword,
    AccountDisabled,
    EmailNotVerified,
    AccountLocked,
    TooManySessions,
}

/// What a cursor holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    attempt: Uuid,
}

/// The attempt that a cursor leads after.
pub(super) fn place(cursor: Option<&str>) -> Result<Option<LoginAttemptId>, Failure> {
    Ok(page::read_cursor::<Place>(cursor)?.map(|place| place.attempt.into()))
}

impl From<LoginFailure> for FailureReason {
    fn from(failure: LoginFailure) -> Self {
        match failure {
            LoginFailure::InvalidPassword => Self::InvalidPassword,
            LoginFailure::AccountDisabled => Self::AccountDisabled,
            LoginFailure::EmailNotVerified => Self::EmailNotVerified,
            LoginFailure::AccountLocked => Self::AccountLocked,
            LoginFailure::TooManySessions => Self::TooManySessions,
        }
    }
}

impl From<LoginAttempt> for LoginAttemptResponse {
    fn from(attempt: LoginAttempt) -> Self {
        Self {
            ip_address: attempt.origin.ip_address.map(|address| address.to_string()),
            user_agent: attempt.origin.user_agent,
            success: attempt.failure.is_none(),
            failure_reason: attempt.failure.map(Into::into),
            created_at: attempt.at.into(),
        }
    }
}

impl From<LoginHistoryPage> for LoginHistoryResponse {
    fn from(page: LoginHistoryPage) -> Self {
        let next_cursor = page.next.map(|next| page::write_cursor(&Place { attempt: next.into() }));
        Self { items: page.attempts.into_iter().map(Into::into).collect(), next_cursor }
    }
}
