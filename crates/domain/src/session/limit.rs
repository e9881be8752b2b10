use chrono::{DateTime, Utc};
use thiserror::Error;

use super::Session;
use crate::{
    id::SessionId,
    identity::{Policy, SessionLimit},
};

/// The account has as many sessions as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the account has as many sessions as it may")]
pub struct TooManySessions;

/// Which of an account's sessions end so that one more keeps within the limit: those that were not used for longest.
pub(crate) fn make_room(
    sessions: &[Session],
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, TooManySessions> {
    let mut live: Vec<_> = sessions.iter().filter(|session| session.is_live(now)).collect();
    let allowed = usize::try_from(policy.max_sessions).unwrap_or(usize::MAX);
    let excess = (live.len() + 1).saturating_sub(allowed);
    match policy.session_limit {
        SessionLimit::Reject if excess > 0 => Err(TooManySessions),
        SessionLimit::Reject | SessionLimit::EvictOldest => {
            live.sort_by_key(|session| (session.last_seen_at, session.id));
            Ok(live.into_iter().take(excess).map(|session| session.id).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::{caller::Origin, id::UserId};

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn minutes(count: u64) -> Duration {
        Duration::from_secs(60 * count)
    }

    /// A session that was last used so long ago.
    fn session(number: u128, idle: Duration) -> Session {
        let then = NOW - idle;
        Session {
            id: SessionId::new(Uuid::from_u128(number)),
            user: UserId::new(Uuid::from_u128(1)),
            generation: 1,
            created_at: then,
            rotated_at: then,
            last_seen_at: then,
            expires_at: then + minutes(60),
            ends_at: then + minutes(60),
            origin: Origin::default(),
        }
    }

    fn ended(sessions: &[Session], session_limit: SessionLimit) -> Result<Vec<u128>, TooManySessions> {
        let policy = Policy { max_sessions: 3, session_limit, ..Policy::default() };
        let ended = make_room(sessions, &policy, NOW)?;
        Ok(ended.iter().map(|id| id.as_uuid().as_u128()).collect())
    }

    #[test]
    fn the_sessions_not_used_for_longest_end() {
        let sessions = [session(1, minutes(1)), session(2, minutes(30)), session(3, minutes(2))];
        assert_eq!(ended(&sessions[..2], SessionLimit::EvictOldest), Ok(Vec::new()));
        assert_eq!(ended(&sessions, SessionLimit::EvictOldest), Ok(vec![2]));
        let five = [&sessions[..], &[session(4, minutes(40)), session(5, minutes(0))]].concat();
        assert_eq!(ended(&five, SessionLimit::EvictOldest), Ok(vec![4, 2, 3]), "the limit was lowered");
    }

    #[test]
    fn where_the_policy_is_to_reject_no_session_ends_and_none_is_opened() {
        let sessions = [session(1, minutes(1)), session(2, minutes(30)), session(3, minutes(2))];
        assert_eq!(ended(&sessions[..2], SessionLimit::Reject), Ok(Vec::new()));
        assert_eq!(ended(&sessions, SessionLimit::Reject), Err(TooManySessions));
    }

    #[test]
    fn sessions_that_have_run_out_do_not_count() {
        let sessions = [session(1, minutes(1)), session(2, minutes(60)), session(3, minutes(61))];
        assert_eq!(ended(&sessions, SessionLimit::Reject), Ok(Vec::new()));
    }
}
