use chrono::{DateTime, Utc};
use thiserror::Error;

use super::Session;
use crate::{
    caller::{Caller, Origin},
    commit::RowChange,
    id::SessionId,
    identity::{Act, Decision, Identity, Tries},
    port::StoreError,
    user::{SessionEnd, UserEvent},
};

/// Why no session was ended.
#[derive(Debug, Error)]
pub enum RevokeSessionError {
    /// The caller has no such session.
    #[error("no such session")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the other sessions were not ended.
#[derive(Debug, Error)]
pub enum RevokeOtherSessionsError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decides the end of sessions; those that have run out go without a word.
pub(crate) fn decide<'a>(
    sessions: impl IntoIterator<Item = &'a Session>,
    now: DateTime<Utc>,
    reason: SessionEnd,
) -> Decision {
    let (live, expired): (Vec<_>, Vec<_>) = sessions.into_iter().partition(|session| session.is_live(now));
    let session_ids: Vec<_> = live.iter().map(|session| session.id).collect();
    if session_ids.is_empty() {
        return Decision::default();
    }
    let ended = live.into_iter().chain(expired);
    let rows = ended.map(|session| RowChange::DeleteSession(session.id)).collect();
    Decision { events: vec![UserEvent::SessionRevoked { session_ids, reason }], rows }
}

impl Identity {
    /// Ends one of the caller's own sessions.
    pub async fn revoke_session(
        &self,
        caller: &Caller,
        id: SessionId,
        origin: &Origin,
    ) -> Result<(), RevokeSessionError> {
        match self.revoke_own(caller, origin, |session| session.id == id).await? {
            0 => Err(RevokeSessionError::NotFound),
            _ => Ok(()),
        }
    }

    /// Ends all of the caller's own sessions but the one that asks.
    pub async fn revoke_other_sessions(
        &self,
        caller: &Caller,
        origin: &Origin,
    ) -> Result<(), RevokeOtherSessionsError> {
        self.revoke_own(caller, origin, |session| session.id != caller.session).await?;
        Ok(())
    }

    /// Ends those of the caller's sessions that are chosen; returns how many lived.
    async fn revoke_own(
        &self,
        caller: &Caller,
        origin: &Origin,
        is_chosen: impl Fn(&Session) -> bool + Send + Sync,
    ) -> Result<usize, StoreError> {
        let mut tries = Tries::many();
        loop {
            // Erased meanwhile: the sessions went with the account.
            let Some(user) = self.ports().users.find(caller.user).await? else { return Ok(0) };
            let sessions = self.ports().sessions.list_by_user(caller.user).await?;
            let chosen = sessions.iter().filter(|session| is_chosen(session));
            let now = self.now();
            let decision = decide(chosen, now, SessionEnd::Revoked);
            let ended = decision.revoked_sessions();
            if ended.is_empty() {
                return Ok(0);
            }
            let key = self.data_key_of(&user).await?;
            let act = Act::own(caller.user, origin, now);
            match self.record(user.id, Some(&user), &key, &act, decision).await {
                Ok(_) => {
                    self.forget_ended(&ended).await;
                    return Ok(ended.len());
                }
                Err(error) => tries.again(error)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::{id::UserId, testing::given};

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn session(number: u128, expires_at: DateTime<Utc>) -> Session {
        Session {
            id: SessionId::new(Uuid::from_u128(number)),
            user: UserId::new(Uuid::from_u128(1)),
            generation: 1,
            created_at: NOW,
            rotated_at: NOW,
            last_seen_at: NOW,
            expires_at,
            ends_at: expires_at,
            origin: Origin::default(),
        }
    }

    #[test]
    fn live_sessions_are_named_and_those_that_ran_out_go_with_them() {
        let sessions = [session(1, NOW + Duration::from_secs(1)), session(2, NOW)];
        let rows = given([crate::testing::created()])
            .when(|_| Ok::<_, RevokeSessionError>(decide(&sessions, NOW, SessionEnd::Revoked)))
            .then([UserEvent::SessionRevoked {
                session_ids: vec![sessions[0].id],
                reason: SessionEnd::Revoked,
            }]);
        let deleted = [RowChange::DeleteSession(sessions[0].id), RowChange::DeleteSession(sessions[1].id)];
        assert_eq!(rows, deleted);
    }

    #[test]
    fn where_no_session_lives_nothing_happens() {
        assert_eq!(decide(&[session(1, NOW)], NOW, SessionEnd::Revoked), Decision::default());
    }
}
