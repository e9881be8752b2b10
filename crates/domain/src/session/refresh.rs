use std::time::Duration;

use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{IssuedTokens, Session};
use crate::{
    caller::Origin,
    commit::RowChange,
    identity::{Act, Decision, Identity, Policy, Tries},
    port::{RefreshClaims, RotateOutcome, Rotation, StoreError, TokenError},
    user::UserEvent,
    value::Secret,
};

/// Why no new tokens were issued.
#[derive(Debug, Error)]
pub enum RefreshError {
    /// The token is no refresh token of this service.
    #[error("the token is invalid")]
    TokenInvalid,
    /// The session has ended or run out.
    #[error("the session has ended")]
    SessionExpired,
    /// The token was rotated before and came back: its session has been ended.
    #[error("the refresh token was used before")]
    Reused,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an older generation that comes back means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    /// The client lost the answer to its last refresh and asks again.
    Retry,
    /// Two parties hold the family's tokens; one of them should not.
    Reuse,
}

/// Tells a client's retry from a stolen token: only the generation just before the current one, only shortly after its rotation,
/// and only from where that rotation was asked for.
pub(crate) fn judge_stale(
    session: &Session,
    presented: u64,
    origin: &Origin,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Stale {
    let is_previous = presented.checked_add(1) == Some(session.generation);
    let is_same_client = session.origin == *origin;
    // Either way: a clock that was ahead at the rotation does not lengthen the leeway.
    let apart = (now - session.rotated_at).abs().to_std().unwrap_or(Duration::MAX);
    // Strictly less, so that a leeway of zero allows nothing even within the clock's resolution.
    let is_soon = apart < policy.refresh_reuse_leeway;
    if is_previous && is_same_client && is_soon { Stale::Retry } else { Stale::Reuse }
}

/// Decides what follows from a reuse: the whole session ends.
pub(crate) fn decide_reuse(session: &Session, presented: u64) -> Decision {
    Decision {
        events: vec![UserEvent::RefreshReuseDetected { session_id: session.id, generation: presented }],
        rows: vec![RowChange::DeleteSession(session.id)],
    }
}

impl Identity {
    /// Trades a refresh token for a new pair. Each token is good once; what comes back later ends its session, except a
    /// retry within the leeway, which gets the current generation again.
    pub async fn refresh(&self, token: &Secret, origin: &Origin) -> Result<IssuedTokens, RefreshError> {
        let now = self.now();
        let claims = self.verify_refresh(token, now).await?.map_err(|error| match error {
            TokenError::Invalid => RefreshError::TokenInvalid,
            TokenError::Expired => RefreshError::SessionExpired,
        })?;
        let session = self.rotate(&claims, now, origin).await?;
        let user = self.ports().users.find(session.user).await?;
        let user = user.filter(|user| user.is_active).ok_or(RefreshError::SessionExpired)?;
        Ok(self.issue_tokens(user, &session, now).await?)
    }

    /// Verifies a refresh token, also one that another replica has made with a key that this one has not heard of.
    pub(crate) async fn verify_refresh(
        &self,
        token: &Secret,
        now: DateTime<Utc>,
    ) -> Result<Result<RefreshClaims, TokenError>, StoreError> {
        let tokens = &self.ports().tokens;
        Ok(match tokens.verify_refresh(token, now) {
            Err(TokenError::Invalid) if tokens.learn_key(token).await? => tokens.verify_refresh(token, now),
            verdict => verdict,
        })
    }

    async fn rotate(
        &self,
        claims: &RefreshClaims,
        now: DateTime<Utc>,
        origin: &Origin,
    ) -> Result<Session, RefreshError> {
        let rotation = Rotation {
            session: claims.session,
            from_generation: claims.generation,
            at: now,
            expires_at: now + self.policy().refresh_token_lifetime,
            origin: origin.clone(),
        };
        match self.ports().sessions.rotate(rotation).await? {
            RotateOutcome::Rotated(session) => Ok(session),
            RotateOutcome::Gone => Err(RefreshError::SessionExpired),
            RotateOutcome::Stale(session) => {
                match judge_stale(&session, claims.generation, origin, self.policy(), now) {
                    Stale::Retry => Ok(session),
                    Stale::Reuse => {
                        self.end_reused(&session, claims.generation, origin).await?;
                        Err(RefreshError::Reused)
                    }
                }
            }
        }
    }

    async fn end_reused(&self, session: &Session, presented: u64, origin: &Origin) -> Result<(), StoreError> {
        let mut tries = Tries::many();
        loop {
            let Some(user) = self.ports().users.find(session.user).await? else { return Ok(()) };
            if self.ports().sessions.find(session.id).await?.is_none() {
                return Ok(()); // another reuse of the same family was quicker
            }
            let key = self.data_key_of(&user).await?;
            let act = Act::own(user.id, origin, self.now());
            match self.record(user.id, Some(&user), &key, &act, decide_reuse(session, presented)).await {
                Ok(_) => {
                    self.forget_ended(&[session.id]).await;
                    return Ok(());
                }
                Err(error) => tries.again(error)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::{SessionId, UserId};

    const ROTATED_AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

    /// What generation `presented` means to a session at generation 5, some time after its rotation.
    fn judge(presented: u64, after: Duration, leeway: Duration) -> Stale {
        judge_from(&Origin::default(), presented, ROTATED_AT + after, leeway)
    }

    fn judge_from(origin: &Origin, presented: u64, now: DateTime<Utc>, leeway: Duration) -> Stale {
        let session = Session {
            id: SessionId::new(Uuid::from_u128(1)),
            user: UserId::new(Uuid::from_u128(2)),
            generation: 5,
            created_at: ROTATED_AT,
            rotated_at: ROTATED_AT,
            last_seen_at: ROTATED_AT,
            expires_at: ROTATED_AT,
            ends_at: ROTATED_AT,
            origin: Origin::default(),
        };
        let policy = Policy { refresh_reuse_leeway: leeway, ..Policy::default() };
        judge_stale(&session, presented, origin, &policy, now)
    }

    #[test]
    fn a_retry_comes_from_where_the_rotation_came_from() {
        let elsewhere = Origin::new(Some("203.0.113.9".parse().expect("an address")), None);
        assert_eq!(judge_from(&elsewhere, 4, ROTATED_AT, Duration::from_secs(10)), Stale::Reuse);
    }

    #[test]
    fn a_clock_that_was_ahead_at_the_rotation_does_not_lengthen_the_leeway() {
        let set_back = ROTATED_AT - chrono::TimeDelta::hours(1);
        assert_eq!(judge_from(&Origin::default(), 4, set_back, Duration::from_secs(10)), Stale::Reuse);
    }

    #[test]
    fn the_generation_just_before_is_a_retry_within_the_leeway_only() {
        let leeway = Duration::from_secs(10);
        assert_eq!(judge(4, Duration::from_secs(9), leeway), Stale::Retry);
        assert_eq!(judge(4, Duration::from_secs(10), leeway), Stale::Reuse);
    }

    #[test]
    fn an_older_generation_is_always_reuse() {
        assert_eq!(judge(3, Duration::ZERO, Duration::from_secs(10)), Stale::Reuse);
    }

    #[test]
    fn without_leeway_even_an_instant_retry_is_reuse() {
        assert_eq!(judge(4, Duration::ZERO, Duration::ZERO), Stale::Reuse);
    }
}
