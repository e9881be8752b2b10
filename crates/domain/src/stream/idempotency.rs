use std::{fmt, str::FromStr};

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use crate::{
    event::Version,
    id::{EventId, StreamId, UserId},
};

/// How long the first answer to a key is given again.
pub const IDEMPOTENCY_KEPT: TimeDelta = TimeDelta::hours(24);

const MAX_LENGTH: usize = 255;
const KEY: &str = "portcullis idempotency key v1";
const REQUEST: &str = "portcullis idempotent request v1";

/// What a client calls a request that it may have to send again.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// A text is no such key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be 1 to 255 visible ASCII characters")]
pub struct IdempotencyKeyError;

/// A BLAKE3 digest of 32 bytes: of whose key it is and the key, or of what was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestDigest([u8; 32]);

/// A request that was done under a key: enough to answer it again, and nothing of what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// Of its caller and their key; the claim of it makes it the only one.
    pub key: RequestDigest,
    /// Of what it asked for.
    pub request: RequestDigest,
    /// The stream that it wrote on.
    pub stream: StreamId,
    /// The version of the event that it wrote.
    pub version: Version,
    /// Who holds the claim of the key: an id that this request alone has.
    pub claimed_by: EventId,
    /// When.
    pub created_at: DateTime<Utc>,
}

impl IdempotencyKey {
    /// The key of one caller, unlike everybody else's.
    pub fn digest(&self, caller: UserId) -> RequestDigest {
        RequestDigest::of(KEY, &[caller.as_uuid().as_bytes(), self.0.as_bytes()])
    }
}

impl FromStr for IdempotencyKey {
    type Err = IdempotencyKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_key =
            (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_key { Ok(Self(text.to_owned())) } else { Err(IdempotencyKeyError) }
    }
}

/// Clients put all sorts of things into keys.
impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(***)")
    }
}

impl RequestDigest {
    /// Wraps 32 bytes read back from a store.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Of what a request asks for, part by part.
    pub(super) fn of_request(parts: &[&[u8]]) -> Self {
        Self::of(REQUEST, parts)
    }

    /// Each part with its length before it, so that no two requests share an encoding.
    fn of(context: &str, parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }
}

impl fmt::Display for RequestDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for RequestDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestDigest({self})")
    }
}

impl IdempotentRequest {
    /// Whether the key may be used for something else by now.
    pub fn has_expired(&self, now: DateTime<Utc>) -> bool {
        now - self.created_at >= IDEMPOTENCY_KEPT
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_key_is_visible_ascii_of_some_length() {
        let longest = "k".repeat(255);
        for text in ["a", "8e03978e-40d5-43dd-bc93-6894a57f9324", "!~", longest.as_str()] {
            assert!(text.parse::<IdempotencyKey>().is_ok(), "{text}");
        }
        for text in ["", " ", "a b", "é", "a\n", "a\0", &"k".repeat(256)] {
            assert_eq!(text.parse::<IdempotencyKey>(), Err(IdempotencyKeyError), "{text}");
        }
    }

    #[test]
    fn each_callers_keys_are_their_own() {
        let caller = |number| UserId::new(Uuid::from_u128(number));
        let key = |text: &str| text.parse::<IdempotencyKey>().expect("a key");
        assert_eq!(key("a").digest(caller(1)), key("a").digest(caller(1)));
        assert_ne!(key("a").digest(caller(1)), key("a").digest(caller(2)));
        assert_ne!(key("a").digest(caller(1)), key("b").digest(caller(1)));
        assert_ne!(
            RequestDigest::of_request(&[b"ab", b"c"]),
            RequestDigest::of_request(&[b"a", b"bc"]),
            "parts do not run into each other"
        );
    }
}
