use serde_json::{Map, Value};
use thiserror::Error;

use super::{
    EventTypeError, IdempotencyKey, IdempotentRequest, RequestDigest, StreamEvent, Subject, event_type,
    write::{Found, from_find_error},
};
use crate::{
    caller::{Caller, Origin, PermissionDenied},
    commit::{Claim, ClaimKey, ClaimSpace, Commit, CommitError, RowChange},
    event::{Event, EventData, EventType, Version},
    id::{EventId, StreamId},
    identity::{Identity, Tries},
    port::StoreError,
    value::Violations,
};

/// How long the JSON of an event may be.
pub const MAX_EVENT_DATA: usize = 32 * 1024;

/// What a client writes on a stream, every field valid.
#[derive(Clone, Debug)]
pub struct AppendEvent {
    stream: StreamId,
    event_type: EventType,
    data: EventData,
    expected: Option<Version>,
    idempotency_key: Option<IdempotencyKey>,
}

/// Why nothing was written.
#[derive(Debug, Error)]
pub enum AppendEventError {
    /// Fields are invalid.
    #[error(transparent)]
    Invalid(#[from] Violations),
    /// The type is one of the service's own.
    #[error("the type is one of the service's own")]
    Reserved,
    /// There is no such stream, or none for the caller.
    #[error("no such stream")]
    NotFound,
    /// The caller may see the stream, and not write on it.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// Clients write no more on it.
    #[error("the stream is not active")]
    Inactive,
    /// It is not at the version that the client expected.
    #[error("the stream is at version {actual}, not {expected}")]
    VersionConflict {
        /// What the client expected.
        expected: Version,
        /// What it is.
        actual: Version,
    },
    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

from_find_error! { AppendEventError }

impl AppendEvent {
    /// Checks what a client sent.
    pub fn parse(
        stream: StreamId,
        event_type: &str,
        data: &Map<String, Value>,
        expected: Option<Version>,
        idempotency_key: Option<IdempotencyKey>,
    ) -> Result<Self, AppendEventError> {
        let event_type = event_type::parse(event_type);
        if event_type == Err(EventTypeError::Reserved) {
            return Err(AppendEventError::Reserved);
        }
        let mut violations = Violations::default();
        let event_type = violations.field("type").parse(event_type);
        let data = EventData::of(data);
        if data.as_str().len() > MAX_EVENT_DATA {
            violations.field("data").refuse(format_args!("must be at most {MAX_EVENT_DATA} bytes of JSON"));
        }
        let parsed =
            event_type.map(|event_type| Self { stream, event_type, data, expected, idempotency_key });
        Ok(violations.into_result(parsed)?)
    }

    fn digest(&self) -> RequestDigest {
        let expected = self.expected.map(Version::to_le_bytes);
        RequestDigest::of_request(&[
            self.stream.as_uuid().as_bytes(),
            self.event_type.as_str().as_bytes(),
            self.data.as_str().as_bytes(),
            expected.as_ref().map(<[u8; 8]>::as_slice).unwrap_or_default(),
        ])
    }
}

/// Decides what is written.
fn decide(found: &Found, command: &AppendEvent) -> Result<StreamEvent, AppendEventError> {
    if !found.is_active() {
        return Err(AppendEventError::Inactive);
    }
    let actual = found.version();
    match command.expected {
        Some(expected) if expected != actual => Err(AppendEventError::VersionConflict { expected, actual }),
        _ => Ok(StreamEvent::ClientDefined {
            event_type: command.event_type.clone(),
            data: command.data.clone(),
        }),
    }
}

/// What is known of the key of a request.
enum Known {
    /// Nothing.
    Nothing,
    /// It was used so long ago that it may be used anew; its claim passes on.
    Expired(EventId),
}

impl Identity {
    /// Writes an event of a client's own on a stream. With a key, the same request gives the same event however often it comes.
    pub async fn append_event(
        &self,
        caller: &Caller,
        command: &AppendEvent,
        origin: &Origin,
    ) -> Result<Event, AppendEventError> {
        let mut tries = Tries::many();
        loop {
            let (_, found) = self.find_to_write(caller, command.stream).await?;
            let known = match self.known_request(caller, command).await? {
                Ok(event) => return Ok(event),
                Err(known) => known,
            };
            let event = match decide(&found, command) {
                Ok(event) => event,
                // The request itself may be what came before.
                Err(error) => {
                    return match self.known_request(caller, command).await? {
                        Ok(event) => Ok(event),
                        Err(_) => Err(error),
                    };
                }
            };
            let Some(subject) = &found.subject else { return Err(AppendEventError::Inactive) };
            match self.commit_event(caller, command, origin, &found, subject, event, &known).await {
                Ok(event) => return Ok(event),
                // Somebody else came first with this key: the next try finds what they did.
                Err(CommitError::Taken { key }) if key.space() == ClaimSpace::IdempotencyKey => {
                    tries.again(CommitError::Conflict { stream: command.stream, expected: 0, actual: 0 })?;
                }
                Err(error) => tries.again(error)?,
            }
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "what was found and what is to be done, each of several parts"
    )]
    async fn commit_event(
        &self,
        caller: &Caller,
        command: &AppendEvent,
        origin: &Origin,
        found: &Found,
        subject: &Subject,
        event: StreamEvent,
        known: &Known,
    ) -> Result<Event, CommitError> {
        let key = self.key_of_subject(subject).await?;
        let act = self.act_of(caller, origin, self.now()).await?;
        let mut commit = Commit::default();
        if let Some(idempotency_key) = &command.idempotency_key {
            let request = idempotency_key.digest(caller.user);
            let claim = ClaimKey::idempotency_key(request);
            let owner: EventId = self.new_id(act.now);
            if let Known::Expired(before) = known {
                commit.claims.push(Claim::Release { key: claim.clone(), owner: (*before).into() });
            }
            commit.claims.push(Claim::Take { key: claim, owner: owner.into() });
            commit.rows.push(RowChange::PutIdempotentRequest(IdempotentRequest {
                key: request,
                request: command.digest(),
                stream: command.stream,
                version: found.version() + 1,
                claimed_by: owner,
                created_at: act.now,
            }));
        }
        let (committed, _) =
            self.commit_on_stream(commit, subject, &key, &act, &found.state, &[event]).await?;
        committed
            .events
            .into_iter()
            .next()
            .ok_or_else(|| StoreError::corrupt("a commit without its event").into())
    }

    /// The event that a request wrote before, or what is known of its key.
    async fn known_request(
        &self,
        caller: &Caller,
        command: &AppendEvent,
    ) -> Result<Result<Event, Known>, AppendEventError> {
        let Some(key) = &command.idempotency_key else { return Ok(Err(Known::Nothing)) };
        let ports = self.ports();
        let Some(known) = ports.idempotency_keys.find(key.digest(caller.user)).await? else {
            return Ok(Err(Known::Nothing));
        };
        if known.has_expired(self.now()) {
            return Ok(Err(Known::Expired(known.claimed_by)));
        }
        if known.request != command.digest() {
            return Err(AppendEventError::KeyReused);
        }
        let event = ports.events.read_stream(known.stream, known.version.saturating_sub(1), 1).await?;
        let event = event.into_iter().find(|event| event.version == known.version);
        Ok(Ok(event.ok_or_else(|| StoreError::corrupt("a request whose event is gone"))?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{
        event::{EventHash, StreamKind},
        port::StreamHead,
        stream::StreamState,
        testing::{created, given},
    };

    fn stream() -> StreamId {
        given([created()]).user().stream()
    }

    fn found() -> Found {
        let (user, kind) = (given([created()]).user(), StreamKind::User);
        let head = StreamHead { stream: stream(), kind, version: 1, hash: EventHash::GENESIS };
        Found { head, subject: Some(Subject::User(Box::new(user))), state: StreamState::new(stream(), kind) }
    }

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { unreachable!("it is one") };
        object
    }

    fn append(expected: Option<Version>) -> AppendEvent {
        let data = object(json!({"order": 7}));
        AppendEvent::parse(stream(), "order.placed", &data, expected, None).expect("valid")
    }

    #[test]
    fn what_a_client_says_is_written_as_it_was_said() {
        for expected in [None, Some(1)] {
            let event = decide(&found(), &append(expected)).expect("decided");
            assert_eq!((event.event_type(), event.data().as_str()), ("order.placed", r#"{"order":7}"#));
        }
    }

    #[test]
    fn a_stream_at_another_version_is_not_written_on() {
        let refused = decide(&found(), &append(Some(3)));
        assert!(matches!(refused, Err(AppendEventError::VersionConflict { expected: 3, actual: 1 })));
    }

    #[test]
    fn nobody_writes_on_a_stream_that_is_not_active_whatever_they_expect() {
        let mut deactivated = found();
        deactivated.state.is_active = false;
        let erased = Found { subject: None, ..found() };
        for found in [deactivated, erased] {
            assert!(matches!(decide(&found, &append(Some(3))), Err(AppendEventError::Inactive)));
        }
    }

    #[test]
    fn data_may_be_as_long_as_they_may() {
        // `{"a":"…"}`
        let data = |length| object(json!({"a": "x".repeat(length - 8)}));
        assert!(AppendEvent::parse(stream(), "a", &data(MAX_EVENT_DATA), None, None).is_ok());
        let refused = AppendEvent::parse(stream(), "a b", &data(MAX_EVENT_DATA + 1), None, None);
        let Err(AppendEventError::Invalid(violations)) = refused else { panic!("{refused:?}") };
        assert_eq!(violations.fields().keys().copied().collect::<Vec<_>>(), ["data", "type"]);
        let reserved = AppendEvent::parse(stream(), "User.x", &data(MAX_EVENT_DATA), None, None);
        assert!(matches!(reserved, Err(AppendEventError::Reserved)));
    }

    #[test]
    fn requests_are_the_same_when_they_say_the_same() {
        assert_eq!(append(None).digest(), append(None).digest());
        assert_ne!(append(None).digest(), append(Some(1)).digest());
        let other = StreamId::new(Uuid::from_u128(9));
        assert_ne!(AppendEvent { stream: other, ..append(None) }.digest(), append(None).digest());
    }
}
