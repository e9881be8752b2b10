//! CloudEvents 1.0 in JSON, in structured mode: the whole event is the message's body
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>).

use chrono::SecondsFormat;
use lapin::{BasicProperties, types::ShortString};
use portcullis_domain::{event::schema_of, message::VERSION, port::Message};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use thiserror::Error;
use url::Url;

/// What the broker keeps on its disk.
const PERSISTENT: u8 = 2;

/// A message as it is sent.
pub(crate) struct Encoded {
    pub(crate) routing_key: ShortString,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Vec<u8>,
}

/// A message cannot be told in the broker's terms.
#[derive(Debug, Error)]
pub(crate) enum EncodeError {
    #[error("the data of the message {id} are no JSON")]
    Data { id: String, source: serde_json::Error },
    #[error("the type of the message {id} is longer than the 255 bytes that a routing key holds")]
    LongType { id: String },
}

// The names are the specification's. `streamversion` and `partitionkey` are extensions, the second a documented one.
/// A CloudEvents 1.0 event in structured mode: all of it is the message's body.
#[derive(Serialize, JsonSchema)]
struct CloudEvent<'a> {
    #[schemars(extend("const" = "1.0"))]
    specversion: &'static str,
    /// The event's: what consumers tell messages by that come again. It is the message's own id, too.
    #[schemars(extend("format" = "uuid"))]
    id: &'a str,
    /// The URL that the service is known by.
    #[schemars(extend("format" = "uri"))]
    source: &'a str,
    /// What happened, which is the routing key, too.
    r#type: &'a str,
    /// The stream that it happened on.
    #[schemars(extend("format" = "uuid"))]
    subject: &'a str,
    /// When it happened.
    #[schemars(extend("format" = "date-time"))]
    time: String,
    #[schemars(extend("const" = "application/json"))]
    datacontenttype: &'static str,
    /// Where the schema of the data is.
    #[schemars(extend("format" = "uri"))]
    dataschema: &'a str,
    /// The event's place in its stream: 1, 2, 3 and so on without a gap.
    streamversion: u64,
    /// The stream, for consumers that share the work and keep each stream's order.
    #[schemars(extend("format" = "uuid"))]
    partitionkey: &'a str,
    /// What the schema of the type says.
    // As it was given, to the byte.
    #[schemars(with = "Value")]
    data: &'a RawValue,
}

/// The JSON Schema of every message, whatever its data are.
pub fn envelope_schema() -> Value {
    schema_of::<CloudEvent<'_>>()
}

/// Where messages come from: the same for all of a publisher's.
#[derive(Debug)]
pub(crate) struct Origin {
    url: Url,
    /// Without a slash at its end, as the issuer of tokens is written.
    source: String,
}

impl Origin {
    /// `None` for a URL that has no paths, such as `data:`.
    pub(crate) fn new(url: Url) -> Option<Self> {
        let source = url.as_str().trim_end_matches('/').to_owned();
        (!url.cannot_be_a_base()).then_some(Self { url, source })
    }

    /// Writes a message.
    pub(crate) fn encode(&self, message: &Message) -> Result<Encoded, EncodeError> {
        let (id, stream) = (message.id.to_string(), message.stream.to_string());
        let event_type = message.event_type.as_str();
        let routing_key =
            ShortString::try_new(event_type).map_err(|_| EncodeError::LongType { id: id.clone() })?;
        let data = serde_json::from_str(message.data.as_str())
            .map_err(|source| EncodeError::Data { id: id.clone(), source })?;
        let schema = self.schema(event_type);
        let event = CloudEvent {
            specversion: "1.0",
            id: &id,
            source: &self.source,
            r#type: event_type,
            subject: &stream,
            time: message.time.to_rfc3339_opts(SecondsFormat::Micros, true),
            datacontenttype: "application/json",
            dataschema: schema.as_str(),
            streamversion: message.version,
            partitionkey: &stream,
            data,
        };
        let body = serde_json::to_vec(&event).expect("texts and numbers are JSON");
        let properties = BasicProperties::default()
            .with_content_type("application/cloudevents+json".into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(id.into())
            .with_type(routing_key.clone())
            .with_timestamp(u64::try_from(message.time.timestamp()).unwrap_or_default())
            .with_app_id("portcullis".into());
        Ok(Encoded { routing_key, properties, body })
    }

    fn schema(&self, event_type: &str) -> Url {
        let mut url = self.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1", "stream", "schemas", event_type, VERSION]);
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use portcullis_domain::{
        event::{EventData, EventType},
        id::{EventId, StreamId},
    };
    use uuid::Uuid;

    use super::*;

    fn message(event_type: &str, data: &str) -> Message {
        Message {
            id: EventId::new(Uuid::from_u128(1)),
            event_type: EventType::new(event_type),
            stream: StreamId::new(Uuid::from_u128(2)),
            version: 3,
            time: DateTime::UNIX_EPOCH + TimeDelta::microseconds(1_769_846_400_000_450),
            data: EventData::from_stored(data),
        }
    }

    fn origin(url: &str) -> Origin {
        Origin::new(url.parse().expect("a URL")).expect("with paths")
    }

    #[test]
    fn a_message_is_a_cloud_event() {
        let encoded = origin("https://id.example.com")
            .encode(&message("user.created", r#"{ "user_id":"x" }"#))
            .expect("encodes");
        let expected = concat!(
            r#"{"specversion":"1.0","id":"00000000-0000-0000-0000-000000000001","source":"https://id.example.com","#,
            r#""type":"user.created","subject":"00000000-0000-0000-0000-000000000002","time":"2026-01-31T08:00:00.000450Z","#,
            r#""datacontenttype":"application/json","#,
            r#""dataschema":"https://id.example.com/api/v1/stream/schemas/user.created/1.0.0","streamversion":3,"#,
            r#""partitionkey":"00000000-0000-0000-0000-000000000002","data":{ "user_id":"x" }}"#,
        );
        assert_eq!(String::from_utf8(encoded.body).expect("text"), expected);
        let properties = encoded.properties;
        let text = |text: &Option<ShortString>| text.as_ref().map(ToString::to_string).unwrap_or_default();
        assert_eq!(text(properties.content_type()), "application/cloudevents+json");
        assert_eq!(text(properties.message_id()), "00000000-0000-0000-0000-000000000001");
        assert_eq!(text(properties.kind()), "user.created");
        assert_eq!(*properties.delivery_mode(), Some(2));
        assert_eq!(*properties.timestamp(), Some(1_769_846_400));
        assert_eq!(encoded.routing_key.as_str(), "user.created");
    }

    #[test]
    fn schemas_lie_below_the_public_url() {
        let schema = |url, event_type| origin(url).schema(event_type).to_string();
        let path = "/api/v1/stream/schemas";
        assert_eq!(schema("https://a.example/id/", "x.y"), format!("https://a.example/id{path}/x.y/1.0.0"));
        assert_eq!(schema("https://a.example/id?q#f", "x"), format!("https://a.example/id{path}/x/1.0.0"));
        assert_eq!(schema("http://a.example", "a b/c"), format!("http://a.example{path}/a%20b%2Fc/1.0.0"));
        assert!(Origin::new("data:text".parse().expect("a URL")).is_none());
    }

    #[test]
    fn what_has_no_place_in_a_message_is_refused() {
        let origin = origin("https://id.example.com");
        assert!(matches!(origin.encode(&message("x", "{")), Err(EncodeError::Data { .. })));
        let long = "x".repeat(256);
        assert!(matches!(origin.encode(&message(&long, "{}")), Err(EncodeError::LongType { .. })));
        assert!(origin.encode(&message(&long[1..], "{}")).is_ok());
    }
}
