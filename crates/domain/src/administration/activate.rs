use thiserror::Error;

use crate::{
    audit::Accessed,
    caller::{Caller, Origin, Permission, PermissionDenied},
    id::UserId,
    identity::{Decision, Identity},
    port::StoreError,
    user::{Account, User, UserEvent},
};

/// Why an account was not activated.
#[derive(Debug, Error)]
pub enum ActivateError {
    /// The caller may not do it.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// There is no such account.
    #[error("no such user")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decides an activation; one that is active already stays so.
pub(crate) fn decide(user: &User) -> Decision {
    let events = if user.is_active { Vec::new() } else { vec![UserEvent::Activated] };
    Decision { events, rows: Vec::new() }
}

impl Identity {
    /// Lets somebody sign in again who was deactivated.
    pub async fn activate(
        &self,
        caller: &Caller,
        id: UserId,
        origin: &Origin,
    ) -> Result<Account, ActivateError> {
        caller.require(Permission::UserUpdate)?;
        let decide = |found: &super::Found| Ok::<_, ActivateError>(decide(&found.user));
        let done = self.administer((caller, origin), id, Some(Accessed::Profile), decide).await?;
        Ok(self.account_of(done.ok_or(ActivateError::NotFound)?.user).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{created, given};

    #[test]
    fn a_deactivated_account_is_activated_and_an_active_one_is_left_alone() {
        assert_eq!(decide(&given([created()]).user()).events, []);
        let deactivated = given([created(), UserEvent::Deactivated]).user();
        assert_eq!(decide(&deactivated).events, [UserEvent::Activated]);
    }
}
