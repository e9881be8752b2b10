//! What other systems are told of an event. The published shapes are stable and named by type; personal fields are opened only
//! for the types whose readers need them.

mod schema;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

pub use schema::{MessageSchema, VERSION, client_schema, schemas};

use crate::{
    api_key::{ApiKeyEvent, Principal},
    company::{Company, CompanyEvent, CompanyField},
    event::{Event, EventData, EventReadError, StreamKind},
    id::{CompanyId, FeatureId, SessionId, StreamId, UserId},
    port::Message,
    seal::DataKey,
    stream::StreamEvent,
    user::{Account, Profile, ProfileField, UserEvent},
};

#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the names are published")]
struct Created<'a> {
    user_id: UserId,
    email: &'a str,
    username: Option<&'a str>,
    name: &'a str,
    role: &'static str,
    /// People without a company have none, and neither have those who only ask to join one.
    company_id: Option<CompanyId>,
    created_at: DateTime<Utc>,
}

#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the names are published")]
struct Updated<'a> {
    user_id: UserId,
    email: Option<&'a str>,
    name: Option<&'a str>,
    updated_fields: Vec<ProfileField>,
    updated_at: DateTime<Utc>,
}

#[derive(Serialize, JsonSchema)]
struct Deleted {
    user_id: UserId,
    deleted_at: DateTime<Utc>,
}

#[derive(Serialize, JsonSchema)]
struct OfSession {
    user_id: UserId,
    session_id: SessionId,
    timestamp: DateTime<Utc>,
}

#[derive(Serialize, JsonSchema)]
struct CompanyCreated<'a> {
    company_id: CompanyId,
    name: &'a str,
    created_at: DateTime<Utc>,
}

#[derive(Serialize, JsonSchema)]
struct CompanyUpdated<'a> {
    company_id: CompanyId,
    name: Option<&'a str>,
    updated_fields: Vec<CompanyField>,
    updated_at: DateTime<Utc>,
}

/// Everything else of a company: the event's own facts, which name members by their ids alone.
#[derive(Serialize)]
struct OfCompany {
    company_id: CompanyId,
    #[serde(flatten)]
    facts: Value,
    timestamp: DateTime<Utc>,
}

/// Of an API key: the event's own facts, and the name that its owner gave it.
#[derive(Serialize)]
struct OfApiKey {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    company_id: Option<CompanyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(flatten)]
    facts: Value,
    timestamp: DateTime<Utc>,
}

/// Of a feature: the event's own facts, its name among them.
#[derive(Serialize)]
struct OfFeature {
    feature_id: FeatureId,
    #[serde(flatten)]
    facts: Value,
    timestamp: DateTime<Utc>,
}

/// Everything else of a person: the event's own facts, which hold nothing personal.
#[derive(Serialize)]
struct Plain {
    user_id: UserId,
    #[serde(flatten)]
    facts: Value,
    timestamp: DateTime<Utc>,
}

/// Of a stream itself: the event's own facts.
#[derive(Serialize)]
struct OfStream {
    stream_id: StreamId,
    stream_kind: StreamKind,
    #[serde(flatten)]
    facts: Value,
    timestamp: DateTime<Utc>,
}

/// Of a client's own type: what the client said stands by itself, lest it pass for what the service says.
#[derive(Serialize, JsonSchema)]
struct OfClient {
    stream_id: StreamId,
    stream_kind: StreamKind,
    data: Value,
    timestamp: DateTime<Utc>,
}

fn of_stream_event(event: &Event, own: &StreamEvent) -> Result<EventData, EventReadError> {
    let (stream_id, stream_kind, timestamp) = (event.stream, event.stream_kind, event.event.recorded_at);
    Ok(match own {
        StreamEvent::ClientDefined { data, .. } => {
            EventData::of(&OfClient { stream_id, stream_kind, data: data.read()?, timestamp })
        }
        StreamEvent::MetadataUpdated { .. }
        | StreamEvent::Deactivated { .. }
        | StreamEvent::SnapshotTaken(_) => {
            EventData::of(&OfStream { stream_id, stream_kind, facts: own.data().read()?, timestamp })
        }
    })
}

/// The message of an event on a user's stream. `key` is `None` once the person was erased: then there is nobody left to tell of
/// a creation, and an update names no texts. `now` is the account as it is now, for what the event itself does not say.
pub fn of_user_event(
    event: &Event,
    key: Option<&DataKey>,
    now: Option<&Account>,
) -> Result<Option<Message>, EventReadError> {
    let user_id = UserId::new(event.stream.into());
    let timestamp = event.event.recorded_at;
    let data = match UserEvent::read(&event.event, key) {
        Ok(UserEvent::Created { profile: None, .. }) => return Ok(None),
        Ok(UserEvent::Created { facts, profile: Some(profile) }) => {
            let Profile { email, username, name, .. } = &profile;
            EventData::of(&Created {
                user_id,
                email: email.as_str(),
                username: username.as_ref().map(crate::value::Username::as_str),
                name: name.as_str(),
                role: facts.role.as_str(),
                company_id: now.and_then(Account::active_company),
                created_at: timestamp,
            })
        }
        Ok(UserEvent::Updated { fields, .. }) => EventData::of(&Updated {
            user_id,
            email: now.map(|account| account.user.profile.email.as_str()),
            name: now.map(|account| account.user.profile.name.as_str()),
            updated_fields: fields.into_iter().collect(),
            updated_at: timestamp,
        }),
        Ok(UserEvent::LoggedIn { session_id } | UserEvent::LoggedOut { session_id, .. }) => {
            EventData::of(&OfSession { user_id, session_id, timestamp })
        }
        Ok(UserEvent::OfStream(own)) => of_stream_event(event, &own)?,
        Ok(UserEvent::Deleted) => EventData::of(&Deleted { user_id, deleted_at: timestamp }),
        Ok(other) => EventData::of(&Plain { user_id, facts: other.data().read()?, timestamp }),
        // Of a type that this version does not know.
        Err(EventReadError::Unknown { .. }) => {
            EventData::of(&Plain { user_id, facts: event.event.data.read()?, timestamp })
        }
        Err(error) => return Err(error),
    };
    Ok(Some(message(event, data)))
}

/// The message of an event on a company's stream: ids, names and times; what else a company says of itself is for those who may ask for it. `now` is
/// the company as it is now.
pub fn of_company_event(event: &Event, now: Option<&Company>) -> Result<Message, EventReadError> {
    let company_id = CompanyId::new(event.stream.into());
    let timestamp = event.event.recorded_at;
    let data = match CompanyEvent::read(&event.event) {
        Ok(CompanyEvent::Created(created)) => {
            EventData::of(&CompanyCreated { company_id, name: created.name.as_str(), created_at: timestamp })
        }
        Ok(CompanyEvent::Updated { changes }) => EventData::of(&CompanyUpdated {
            company_id,
            name: now.map(|company| company.name.as_str()),
            updated_fields: changes.into_keys().collect(),
            updated_at: timestamp,
        }),
        Ok(CompanyEvent::OfStream(own)) => of_stream_event(event, &own)?,
        Ok(other) => EventData::of(&OfCompany { company_id, facts: other.data().read()?, timestamp }),
        // Of a type that this version does not know.
        Err(EventReadError::Unknown { .. }) => {
            EventData::of(&OfCompany { company_id, facts: event.event.data.read()?, timestamp })
        }
        Err(error) => return Err(error),
    };
    Ok(message(event, data))
}

/// The message of an event about an API key, on the stream of its owner, whose data key opens what the owner calls it.
pub fn of_api_key_event(
    event: &Event,
    owner: Principal,
    key: Option<&DataKey>,
) -> Result<Message, EventReadError> {
    let (user_id, company_id) = match owner {
        Principal::User(user) => (Some(user), None),
        Principal::Company(company) => (None, Some(company)),
    };
    let name = match ApiKeyEvent::read(&event.event, key)? {
        ApiKeyEvent::Issued { name, .. } => name.map(crate::value::ShortText::into_string),
        ApiKeyEvent::Rotated { .. } | ApiKeyEvent::Revoked { .. } => None,
    };
    let facts = event.event.data.read()?;
    let timestamp = event.event.recorded_at;
    Ok(message(event, EventData::of(&OfApiKey { user_id, company_id, name, facts, timestamp })))
}

/// The message of an event on a feature's stream.
pub fn of_feature_event(event: &Event) -> Result<Message, EventReadError> {
    let feature_id = FeatureId::new(event.stream.into());
    let (facts, timestamp) = (event.event.data.read()?, event.event.recorded_at);
    Ok(message(event, EventData::of(&OfFeature { feature_id, facts, timestamp })))
}

fn message(event: &Event, data: EventData) -> Message {
    Message {
        id: event.event.id,
        event_type: event.event.event_type.clone(),
        stream: event.stream,
        version: event.version,
        time: event.event.recorded_at,
        data,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        company::{Member, MemberRole, MemberStatus, Membership},
        event::{
            Actor, EventHash, EventType, NewEvent, StreamKind,
            personal::{self, Whence},
        },
        id::{EventId, OneTimeCodeId, StreamId},
        testing::{SeededEntropy, company_created, created, given, given_company, joined, person},
        value::{CompanyName, ShortText},
    };

    const START: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn jane(company: Option<MemberStatus>) -> Account {
        let user = given([created()]).user();
        let membership = company.map(|status| Membership {
            member: Member {
                user: user.id,
                company: CompanyId::new(Uuid::from_u128(1_000)),
                role: MemberRole::Member,
                status,
                joined_at: START,
            },
            company_name: CompanyName::new("Smith & Sons"),
        });
        Account { user, membership }
    }

    fn of_company(event: &CompanyEvent, now: Option<&Company>) -> Value {
        let event = NewEvent {
            id: EventId::new(Uuid::from_u128(9)),
            event_type: EventType::new(event.event_type()),
            schema_version: event.schema_version(),
            actor: Actor::System,
            data: event.data(),
            personal: None,
            recorded_at: START,
        };
        let stream = StreamId::new(Uuid::from_u128(1_000));
        let event = Event::chained(event, 1, stream, StreamKind::Company, 1, EventHash::GENESIS);
        of_company_event(&event, now).expect("reads").data.read().expect("JSON")
    }

    fn names(data: &Value) -> Vec<&str> {
        data.as_object().expect("an object").keys().map(String::as_str).collect()
    }

    fn stored(event: &UserEvent, key: &DataKey) -> Event {
        let id = EventId::new(Uuid::from_u128(9));
        let sealed = personal::seal(id, &Whence::Nowhere, event.personal(), key, &SeededEntropy::new(3));
        let event = NewEvent {
            id,
            event_type: EventType::new(event.event_type()),
            schema_version: event.schema_version(),
            actor: Actor::System,
            data: event.data(),
            personal: Some(sealed),
            recorded_at: DateTime::UNIX_EPOCH,
        };
        let stream = StreamId::new(Uuid::from_u128(1));
        Event::chained(event, 1, stream, StreamKind::User, 1, EventHash::GENESIS)
    }

    fn key() -> DataKey {
        DataKey::generate(&SeededEntropy::new(1))
    }

    fn data(event: &UserEvent, now: Option<&Account>) -> Value {
        let message =
            of_user_event(&stored(event, &key()), Some(&key()), now).expect("reads").expect("a message");
        message.data.read().expect("JSON")
    }

    #[test]
    fn a_creation_tells_who() {
        let data = data(&created(), None);
        assert_eq!(data["email"], "jane@example.com");
        assert_eq!(data["role"], "user");
        assert_eq!(
            names(&data),
            ["company_id", "created_at", "email", "name", "role", "user_id", "username"]
        );
    }

    #[test]
    fn a_creation_tells_the_company_of_those_who_are_in() {
        let company = |now: Option<Account>| data(&created(), now.as_ref())["company_id"].clone();
        assert_eq!(company(None), Value::Null);
        assert_eq!(company(Some(jane(None))), Value::Null);
        assert_eq!(company(Some(jane(Some(MemberStatus::Pending)))), Value::Null);
        let id = serde_json::json!(Uuid::from_u128(1_000));
        assert_eq!(company(Some(jane(Some(MemberStatus::Active)))), id);
    }

    #[test]
    fn a_company_s_messages_tell_ids_and_names_and_no_more() {
        let company = given_company([company_created()]);
        let created = of_company(&company_created(), None);
        assert_eq!(created["name"], "Smith & Sons");
        assert_eq!(names(&created), ["company_id", "created_at", "name"]);

        let after = Company { business_number: Some(ShortText::new("9")), ..company.company().clone() };
        let changes = company.company().changes_to(&after);
        let updated = of_company(&CompanyEvent::Updated { changes }, Some(&after));
        assert_eq!(updated["updated_fields"], serde_json::json!(["business_number"]));
        assert_eq!(names(&updated), ["company_id", "name", "updated_at", "updated_fields"]);

        let joined = of_company(&joined(7, MemberRole::Manager), None);
        assert_eq!((&joined["user_id"], &joined["role"]), (&serde_json::json!(person(7)), &"manager".into()));
        assert_eq!(names(&joined), ["company_id", "invitation_id", "role", "status", "timestamp", "user_id"]);
    }

    #[test]
    fn an_update_tells_which_fields_and_of_whom() {
        let update = UserEvent::Updated { fields: [ProfileField::Phone].into(), changes: None };
        let data = data(&update, Some(&jane(None)));
        assert_eq!(data["updated_fields"], serde_json::json!(["phone"]));
        assert_eq!(data["email"], "jane@example.com");
    }

    #[test]
    fn a_sign_in_tells_no_address_and_no_agent() {
        let session_id = SessionId::new(Uuid::from_u128(5));
        let data = data(&UserEvent::LoggedIn { session_id }, None);
        assert_eq!(names(&data), ["session_id", "timestamp", "user_id"]);
    }

    #[test]
    fn an_erasure_tells_whose_and_when_and_nothing_else() {
        // By then the key is gone.
        let message = of_user_event(&stored(&UserEvent::Deleted, &key()), None, None).expect("reads");
        let data: Value = message.expect("a message").data.read().expect("JSON");
        let user_id = "00000000-0000-0000-0000-000000000001";
        assert_eq!(data, serde_json::json!({"user_id": user_id, "deleted_at": "1970-01-01T00:00:00Z"}));
    }

    #[test]
    fn a_mailed_code_is_not_told_with_its_address() {
        let requested = UserEvent::VerificationRequested {
            code_id: OneTimeCodeId::new(Uuid::from_u128(4)),
            expires_at: DateTime::UNIX_EPOCH,
            language: crate::value::Language::En,
            email: Some(crate::value::Email::new("jane@example.com")),
        };
        assert!(!data(&requested, None).to_string().contains("jane"));
    }

    #[test]
    fn of_a_new_password_is_told_whose_it_is_and_how_it_came_to_be() {
        let way = crate::user::PasswordChange::Reset;
        let data = data(&UserEvent::PasswordChanged { way }, None);
        let names: Vec<_> = data.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!((names, data["way"].as_str()), (vec!["timestamp", "user_id", "way"], Some("reset")));
    }

    #[test]
    fn what_a_client_says_does_not_pass_for_what_the_service_says() {
        let said = EventData::from_stored(r#"{"stream_id":"another","timestamp":1,"b":2,"a":1.50}"#);
        let event_type = EventType::new("order.placed");
        let event = StreamEvent::ClientDefined { event_type, data: said.clone() };
        for data in [
            data(&UserEvent::OfStream(event.clone()), None),
            of_company(&CompanyEvent::OfStream(event), None),
        ] {
            assert_eq!(names(&data), ["data", "stream_id", "stream_kind", "timestamp"]);
            assert_eq!(data["data"], said.read::<Value>().expect("JSON"));
        }
    }

    #[test]
    fn why_a_stream_was_deactivated_is_told_to_nobody() {
        let reason = Some("Jane Doe asked".to_owned());
        let data = data(&UserEvent::OfStream(StreamEvent::Deactivated { reason }), None);
        assert_eq!(names(&data), ["stream_id", "stream_kind", "timestamp"]);
        assert_eq!(data["stream_kind"], "user");
    }

    #[test]
    fn nobody_is_told_of_the_creation_of_an_erased_person() {
        let message = of_user_event(&stored(&created(), &key()), None, None).expect("reads");
        assert_eq!(message, None);
    }
}
