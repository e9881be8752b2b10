//! What administrators do with the accounts of others: each act is an event with its actor, and whoever is shown somebody's personal
//! data is recorded first.

mod activate;
mod change_role;
mod create_user;
mod deactivate;
mod get_user;
mod last_admin;
mod list_sessions;
mod list_users;
mod revoke_sessions;
mod unlock;
mod update_user;

pub use activate::ActivateError;
pub use change_role::ChangeRoleError;
pub use create_user::{CreateUser, CreateUserError};
pub use deactivate::DeactivateError;
pub use get_user::GetUserError;
pub use last_admin::LastAdmin;
pub(crate) use last_admin::keep_an_admin;
pub use list_sessions::ListSessionsOfError;
pub use list_users::{ListUsers, ListUsersError, UserPage};
pub use revoke_sessions::RevokeSessionsOfError;
pub use unlock::UnlockError;
pub use update_user::UpdateUserError;

use crate::{
    audit::Accessed,
    caller::{Caller, Origin},
    commit::{Commit, Guard},
    id::{SessionId, UserId},
    identity::{Decision, Identity, Tries},
    port::StoreError,
    session::Session,
    user::User,
};

/// An account as an administrator's act finds it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) user: User,
    pub(crate) sessions: Vec<Session>,
    /// For an active administrator: another one, on whose being there the act may rest.
    pub(crate) other_admin: Option<Guard>,
}

/// An account after an administrator's act.
#[derive(Debug)]
pub(crate) struct Administered {
    pub(crate) user: User,
    /// The sessions it had when the act was decided.
    pub(crate) sessions: Vec<SessionId>,
}

impl Identity {
    /// Finds an account, decides, and commits what was decided with the note of what of the account the caller is shown; decides anew
    /// after a conflict. `None` when there is no such account.
    async fn administer<E: From<StoreError>>(
        &self,
        (caller, origin): (&Caller, &Origin),
        id: UserId,
        shown: Option<Accessed>,
        decide: impl Fn(&Found) -> Result<Decision, E> + Send + Sync,
    ) -> Result<Option<Administered>, E> {
        // The account's owner may be signing in meanwhile, and so may the administrator on whom the act rests.
        let mut tries = Tries::many();
        loop {
            let Some(user) = self.ports().users.find(id).await? else { return Ok(None) };
            let sessions = self.ports().sessions.list_by_user(id).await?;
            let other_admin = self.other_admin(&user).await?;
            let found = Found { user, sessions, other_admin };
            let mut decision = decide(&found)?;
            let Found { user, sessions, other_admin } = found;
            let sessions = sessions.into_iter().map(|session| session.id).collect();
            if decision.events.is_empty() {
                if let Some(shown) = shown {
                    self.note_accesses(caller, [user.stream()], shown).await?;
                }
                return Ok(Some(Administered { user, sessions }));
            }
            let now = self.now();
            decision.rows.extend(shown.and_then(|shown| self.access(caller, user.stream(), shown, now)));
            let key = self.data_key_of(&user).await?;
            let act = self.act_of(caller, origin, now).await?;
            let mut commit = Commit { guards: other_admin.into_iter().collect(), ..Commit::default() };
            let after = self.stage(&mut commit, id, Some(&user), &key, &act, decision);
            match self.ports().events.commit(commit).await {
                Ok(_) => return Ok(after.map(|user| Administered { user, sessions })),
                Err(error) => tries.again(error)?,
            }
        }
    }
}
