use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use portcullis_domain::{
    caller::Role,
    id::{SessionId, UserId},
    port::{CachedSession, LiveSession, SessionCache, StoreError},
};
use uuid::Uuid;

use crate::{Redis, connection::Urgency, milliseconds_at_least, milliseconds_at_most, revocation, script};

/// What the key of a revoked session holds; the scripts know it too.
const REVOKED: &[u8] = b"-";
/// What the value of a live session begins with. Another layout gets another.
const LIVE: u8 = b'=';
/// Of more at a time, others would feel the script.
const BATCH: usize = 500;

impl Redis {
    fn session_key(&self, session: SessionId) -> String {
        self.key("session", &session.to_string())
    }

    fn session_keys(&self, sessions: &[SessionId]) -> Vec<String> {
        sessions.iter().map(|session| self.session_key(*session)).collect()
    }
}

#[async_trait]
impl SessionCache for Redis {
    async fn get(&self, session: SessionId) -> Result<Option<CachedSession>, StoreError> {
        let mut get = redis::cmd("GET");
        get.arg(self.session_key(session));
        let value: Option<Vec<u8>> = self
            .connections
            .call(Urgency::Ordinary, |mut connection| async move { get.query_async(&mut connection).await })
            .await?;
        Ok(value.as_deref().and_then(read))
    }

    async fn put(
        &self,
        session: SessionId,
        live: LiveSession,
        time_to_live: Duration,
    ) -> Result<(), StoreError> {
        let keys = [self.session_key(session)];
        let arguments = [write(live), milliseconds_at_most(time_to_live).to_string().into()];
        self.connections
            .call(Urgency::Ordinary, |connection| async move {
                script::PUT.run(connection, &keys, &arguments).await
            })
            .await
    }

    async fn revoke(&self, sessions: &[SessionId], time_to_live: Duration) -> Result<(), StoreError> {
        let time_to_live = milliseconds_at_least(time_to_live).max(1).to_string();
        for sessions in sessions.chunks(BATCH) {
            let keys = self.session_keys(sessions);
            let channel = revocation::channel(&self.options.key_prefix);
            let arguments = [time_to_live.clone().into(), channel.into(), revocation::message(sessions)];
            let revoke =
                |connection| async move { script::REVOKE.run::<()>(connection, &keys, &arguments).await };
            self.connections.call(Urgency::Security, revoke).await?;
        }
        Ok(())
    }

    async fn forget(&self, sessions: &[SessionId]) -> Result<(), StoreError> {
        for sessions in sessions.chunks(BATCH) {
            let keys = self.session_keys(sessions);
            let channel = revocation::change_channel(&self.options.key_prefix);
            let arguments = [channel.into(), revocation::message(sessions)];
            let forget =
                |connection| async move { script::FORGET.run::<()>(connection, &keys, &arguments).await };
            self.connections.call(Urgency::Security, forget).await?;
        }
        Ok(())
    }
}

/// The mark, the user, the end and the last use in microseconds, and the role's name.
fn write(live: LiveSession) -> Vec<u8> {
    let mut value = vec![LIVE];
    value.extend(live.user.as_uuid().as_bytes());
    value.extend(live.expires_at.timestamp_micros().to_be_bytes());
    value.extend(live.seen_at.timestamp_micros().to_be_bytes());
    value.extend(live.role.as_str().as_bytes());
    value
}

/// What cannot be read was written by another version, and is as good as not there: the store is asked.
fn read(value: &[u8]) -> Option<CachedSession> {
    if value == REVOKED {
        return Some(CachedSession::Revoked);
    }
    let (mark, value) = value.split_first()?;
    let (user, value) = value.split_first_chunk()?;
    let (expires_at, value) = value.split_first_chunk()?;
    let (seen_at, role) = value.split_first_chunk()?;
    let live = LiveSession {
        user: UserId::new(Uuid::from_bytes(*user)),
        role: Role::from_name(std::str::from_utf8(role).ok()?)?,
        expires_at: DateTime::from_timestamp_micros(i64::from_be_bytes(*expires_at))?,
        seen_at: DateTime::from_timestamp_micros(i64::from_be_bytes(*seen_at))?,
    };
    (*mark == LIVE).then_some(CachedSession::Live(live))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_another_version_is_as_good_as_none() {
        let live = LiveSession {
            user: UserId::new(Uuid::from_u128(7)),
            role: Role::Admin,
            expires_at: DateTime::UNIX_EPOCH,
            seen_at: DateTime::UNIX_EPOCH - chrono::TimeDelta::seconds(1),
        };
        let value = write(live);
        assert_eq!(read(&value), Some(CachedSession::Live(live)));
        for length in 0..value.len() {
            assert_eq!(read(&value[..length]), None, "{length} bytes of it");
        }
        let mut other = value.clone();
        other[0] = b'*';
        assert_eq!(read(&other), None);
        other = value;
        other.extend(b"istrator");
        assert_eq!(read(&other), None, "a role that is not known here");
        // As versions wrote it that did not keep when a session was used.
        let before = [b"+", live.user.as_uuid().as_bytes().as_slice(), &[0; 8], b"admin"].concat();
        assert_eq!(read(&before), None);
    }
}
