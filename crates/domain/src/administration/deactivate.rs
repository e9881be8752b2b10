use thiserror::Error;

use super::{Found, LastAdmin, keep_an_admin};
use crate::{
    audit::Accessed,
    caller::{Caller, Origin, Permission, PermissionDenied},
    commit::RowChange,
    id::UserId,
    identity::{Decision, Identity},
    port::StoreError,
    user::{Account, UserEvent},
};

/// Why an account was not deactivated.
#[derive(Debug, Error)]
pub enum DeactivateError {
    /// The caller may not do it.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// There is no such account.
    #[error("no such user")]
    NotFound,
    /// Nobody would be left to administer.
    #[error(transparent)]
    LastAdmin(#[from] LastAdmin),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decides a deactivation: every session ends with it. One that is deactivated already stays so.
pub(crate) fn decide(found: &Found) -> Result<Decision, LastAdmin> {
    if !found.user.is_active {
        return Ok(Decision::default());
    }
    keep_an_admin(&found.user, found.other_admin)?;
    let rows = vec![RowChange::DeleteSessionsOf(found.user.id)];
    Ok(Decision { events: vec![UserEvent::Deactivated], rows })
}

impl Identity {
    /// Ends all of somebody's sessions, and lets them sign in no more.
    pub async fn deactivate(
        &self,
        caller: &Caller,
        id: UserId,
        origin: &Origin,
    ) -> Result<Account, DeactivateError> {
        caller.require(Permission::UserUpdate)?;
        let decide = |found: &Found| decide(found).map_err(DeactivateError::from);
        let done = self.administer((caller, origin), id, Some(Accessed::Profile), decide).await?;
        let done = done.ok_or(DeactivateError::NotFound)?;
        self.forget_ended(&done.sessions).await;
        Ok(self.account_of(done.user).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::User;
    use crate::{
        caller::Role,
        testing::{created, given},
    };

    fn found(user: &User) -> Found {
        Found { user: user.clone(), sessions: Vec::new(), other_admin: None }
    }

    #[test]
    fn every_session_ends_with_a_deactivation() {
        let rows = given([created()]).when(|user| decide(&found(user))).then([UserEvent::Deactivated]);
        assert!(matches!(rows[..], [RowChange::DeleteSessionsOf(_)]));
    }

    #[test]
    fn a_second_deactivation_is_no_event() {
        given([created(), UserEvent::Deactivated]).when(|user| decide(&found(user))).then([]);
    }

    #[test]
    fn the_last_active_admin_stays_active() {
        let promoted = UserEvent::RoleChanged { before: Role::User, after: Role::Admin };
        let refused = given([created(), promoted]).when(|user| decide(&found(user))).then_refused();
        assert_eq!(refused, LastAdmin);
    }
}
