use thiserror::Error;

use crate::{
    caller::Role,
    commit::Guard,
    identity::Identity,
    port::{StoreError, UserQuery},
    user::User,
};

/// The last active administrator would be lost, and nobody could make another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the last active administrator must stay")]
pub struct LastAdmin;

/// Refuses to take the last active administrator away. `other` is what [`Identity::other_admin`] found; it belongs into the commit's
/// guards, so that of two administrators who take each other away one comes too late.
pub(crate) fn keep_an_admin(leaving: &User, other: Option<Guard>) -> Result<(), LastAdmin> {
    if leaving.is_active_admin() && other.is_none() { Err(LastAdmin) } else { Ok(()) }
}

impl Identity {
    /// Another active administrator than this one, at the version at which they are one; `None` when there is none, and for somebody
    /// who is no active administrator: nothing rests on another one then.
    pub(crate) async fn other_admin(&self, user: &User) -> Result<Option<Guard>, StoreError> {
        if !user.is_active_admin() {
            return Ok(None);
        }
        let query = UserQuery { role: Some(Role::Admin), is_active: Some(true), ..UserQuery::default() };
        let admins = self.ports().users.list(&query, None, 2).await?;
        let other = admins.into_iter().find(|admin| admin.id != user.id);
        Ok(other.map(|admin| Guard { stream: admin.stream(), version: admin.version }))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        id::StreamId,
        testing::{created, given},
        user::UserEvent,
    };

    const PROMOTED: UserEvent = UserEvent::RoleChanged { before: Role::User, after: Role::Admin };

    fn other() -> Guard {
        Guard { stream: StreamId::new(Uuid::from_u128(9)), version: 3 }
    }

    #[test]
    fn the_last_active_admin_stays() {
        let admin = given([created(), PROMOTED]).user();
        assert_eq!(keep_an_admin(&admin, None), Err(LastAdmin));
        assert_eq!(keep_an_admin(&admin, Some(other())), Ok(()));
    }

    #[test]
    fn who_is_no_active_admin_may_always_go() {
        let user = given([created()]).user();
        let inactive = given([created(), PROMOTED, UserEvent::Deactivated]).user();
        assert_eq!(keep_an_admin(&user, None), Ok(()));
        assert_eq!(keep_an_admin(&inactive, None), Ok(()));
    }
}
