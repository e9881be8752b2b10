use thiserror::Error;

use super::{Found, LastAdmin, keep_an_admin};
use crate::{
    audit::Accessed,
    caller::{Caller, Origin, Permission, PermissionDenied, Role},
    id::UserId,
    identity::{Decision, Identity},
    port::StoreError,
    user::{Account, UserEvent},
};

/// Why a role was not changed.
#[derive(Debug, Error)]
pub enum ChangeRoleError {
    /// The caller may not change it.
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

/// Decides a change of role; one to what it is already is no event.
pub(crate) fn decide(found: &Found, role: Role) -> Result<Decision, ChangeRoleError> {
    let before = found.user.role;
    if before == role {
        return Ok(Decision::default());
    }
    keep_an_admin(&found.user, found.other_admin)?;
    Ok(Decision { events: vec![UserEvent::RoleChanged { before, after: role }], rows: Vec::new() })
}

impl Identity {
    /// Changes what somebody is to the service. Their sessions go on, with what the new role allows.
    pub async fn change_role(
        &self,
        caller: &Caller,
        id: UserId,
        role: Role,
        origin: &Origin,
    ) -> Result<Account, ChangeRoleError> {
        caller.require(Permission::UserUpdateRole)?;
        let done = self
            .administer((caller, origin), id, Some(Accessed::Profile), |found| decide(found, role))
            .await?;
        let done = done.ok_or(ChangeRoleError::NotFound)?;
        self.forget_changed(&done.sessions).await;
        Ok(self.account_of(done.user).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commit::Guard,
        testing::{created, given},
        user::User,
    };

    const PROMOTED: UserEvent = UserEvent::RoleChanged { before: Role::User, after: Role::Admin };

    fn found(user: &User, has_other: bool) -> Found {
        let other = Guard { stream: uuid::Uuid::from_u128(9).into(), version: 1 };
        Found { user: user.clone(), sessions: Vec::new(), other_admin: has_other.then_some(other) }
    }

    #[test]
    fn a_change_of_role_says_what_it_was() {
        given([created()])
            .when(|user| decide(&found(user, false), Role::Moderator))
            .then([UserEvent::RoleChanged { before: Role::User, after: Role::Moderator }]);
    }

    #[test]
    fn a_role_that_is_there_already_is_no_event() {
        given([created()]).when(|user| decide(&found(user, false), Role::User)).then([]);
        given([created(), PROMOTED]).when(|user| decide(&found(user, false), Role::Admin)).then([]);
    }

    #[test]
    fn the_last_active_admin_keeps_the_role() {
        let refused = given([created(), PROMOTED])
            .when(|user| decide(&found(user, false), Role::Moderator))
            .then_refused();
        assert!(matches!(refused, ChangeRoleError::LastAdmin(LastAdmin)));
        given([created(), PROMOTED])
            .when(|user| decide(&found(user, true), Role::User))
            .then([UserEvent::RoleChanged { before: Role::Admin, after: Role::User }]);
    }
}
