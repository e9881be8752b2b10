use thiserror::Error;

use crate::{
    caller::{Caller, Origin},
    commit::RowChange,
    identity::{Act, Decision, Identity, Tries},
    port::StoreError,
    user::UserEvent,
};

/// Why nobody was signed out.
#[derive(Debug, Error)]
pub enum SignOutError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decides a sign-out of the caller's session, or of all the caller's sessions.
pub(crate) fn decide(caller: &Caller, all: bool) -> Decision {
    let row =
        if all { RowChange::DeleteSessionsOf(caller.user) } else { RowChange::DeleteSession(caller.session) };
    Decision { events: vec![UserEvent::LoggedOut { session_id: caller.session, all }], rows: vec![row] }
}

impl Identity {
    /// Ends the caller's session, or all of them: their access and refresh tokens are dead at once.
    pub async fn sign_out(&self, caller: &Caller, all: bool, origin: &Origin) -> Result<(), SignOutError> {
        let mut tries = Tries::many();
        let mut ended = vec![caller.session];
        loop {
            // Erased meanwhile: the sessions went with the account.
            let Some(user) = self.ports().users.find(caller.user).await? else { return Ok(()) };
            if all {
                let sessions = self.ports().sessions.list_by_user(caller.user).await?;
                ended = sessions.into_iter().map(|session| session.id).collect();
            }
            let key = self.data_key_of(&user).await?;
            let act = Act::own(caller.user, origin, self.now());
            match self.record(user.id, Some(&user), &key, &act, decide(caller, all)).await {
                Ok(_) => {
                    self.forget_ended(&ended).await;
                    return Ok(());
                }
                Err(error) => tries.again(error)?,
            }
        }
    }
}
