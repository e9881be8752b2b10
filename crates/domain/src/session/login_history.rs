use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{LoginAttempt, LoginFailure, SignInError, lockout::Lockout};
use crate::{
    audit::Accessed,
    caller::{Caller, Origin, Permission, PermissionDenied},
    id::{LoginAttemptId, UserId},
    identity::Identity,
    port::StoreError,
};

/// Some of a login history, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginHistoryPage {
    /// The attempts.
    pub attempts: Vec<LoginAttempt>,
    /// After which one the next page begins; `None` when this was the last.
    pub next: Option<LoginAttemptId>,
}

/// Why no login history was listed.
#[derive(Debug, Error)]
pub enum ListLoginHistoryError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why somebody's login history was not listed.
#[derive(Debug, Error)]
pub enum ListLoginHistoryOfError {
    /// The caller may not see it.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// There is no such account.
    #[error("no such user")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Identity {
    /// The caller's own login history.
    pub async fn list_login_history(
        &self,
        caller: &Caller,
        after: Option<LoginAttemptId>,
        limit: usize,
    ) -> Result<LoginHistoryPage, ListLoginHistoryError> {
        Ok(self.login_history_page(caller.user, after, limit).await?)
    }

    /// Anybody's login history.
    pub async fn list_login_history_of(
        &self,
        caller: &Caller,
        id: UserId,
        after: Option<LoginAttemptId>,
        limit: usize,
    ) -> Result<LoginHistoryPage, ListLoginHistoryOfError> {
        caller.require(Permission::UserRead)?;
        let user = self.ports().users.find(id).await?.ok_or(ListLoginHistoryOfError::NotFound)?;
        let page = self.login_history_page(id, after, limit).await?;
        self.note_accesses(caller, [user.stream()], Accessed::LoginHistory).await?;
        Ok(page)
    }

    async fn login_history_page(
        &self,
        user: UserId,
        after: Option<LoginAttemptId>,
        limit: usize,
    ) -> Result<LoginHistoryPage, StoreError> {
        // One more than asked for tells whether there is another page.
        let mut attempts = self.ports().login_history.list_by_user(user, after, limit + 1).await?;
        let has_more = attempts.len() > limit;
        attempts.truncate(limit);
        let next = attempts.last().filter(|_| has_more).map(|attempt| attempt.id);
        Ok(LoginHistoryPage { attempts, next })
    }

    /// A line of an account's login history.
    pub(super) fn login_attempt(
        &self,
        user: UserId,
        origin: &Origin,
        failure: Option<LoginFailure>,
        at: DateTime<Utc>,
    ) -> LoginAttempt {
        LoginAttempt { id: self.new_id(at), user, at, origin: origin.clone(), failure }
    }

    /// Adds a sign-in that failed to its account's history. Of those refused while the account is locked the first is told, and stands
    /// for all that follow: a stranger makes no history longer than their guesses do.
    pub(super) async fn note_failed_sign_in(
        &self,
        user: Option<UserId>,
        lockout: &Lockout<'_>,
        error: &SignInError,
        origin: &Origin,
    ) -> Result<(), StoreError> {
        let Some(failure) = error.in_history() else { return Ok(()) };
        if let SignInError::AccountLocked(locked) = error
            && !lockout.refuse(*locked).await?
        {
            return Ok(());
        }
        let Some(user) = user else { return Ok(()) };
        let attempt = self.login_attempt(user, origin, Some(failure), self.now());
        self.ports().login_history.record(vec![attempt]).await
    }
}
