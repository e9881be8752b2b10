use thiserror::Error;

use super::Session;
use crate::{caller::Caller, id::UserId, identity::Identity, port::StoreError};

/// Why no sessions were listed.
#[derive(Debug, Error)]
pub enum ListSessionsError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Identity {
    /// The caller's own live sessions, newest first.
    pub async fn list_sessions(&self, caller: &Caller) -> Result<Vec<Session>, ListSessionsError> {
        Ok(self.live_sessions(caller.user).await?)
    }

    /// A user's sessions without those that have run out, newest first.
    pub(crate) async fn live_sessions(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        let now = self.now();
        let mut sessions = self.ports().sessions.list_by_user(user).await?;
        sessions.retain(|session| session.is_live(now));
        Ok(sessions)
    }
}
