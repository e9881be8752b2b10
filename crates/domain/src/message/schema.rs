//! JSON Schemas of what leaves through the broker.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    CompanyCreated, CompanyId, CompanyUpdated, Created, DateTime, Deleted, FeatureId, OfClient, OfSession,
    StreamId, StreamKind, Updated, UserId, Utc,
};
use crate::event::{EventSchema, catalogue, schema_of, titled};

/// The version of the published shapes, which the URLs of their schemas end in. Fields are added to a shape without another version: readers
/// pass over those that they do not know.
pub const VERSION: &str = "1.0.0";

/// The shape of the data of the messages of one type.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageSchema {
    /// The type, which is the routing key too.
    pub event_type: &'static str,
    /// What their data are.
    pub data: Value,
}

/// What is told of every event of an account.
#[derive(Serialize, JsonSchema)]
struct AboutUser {
    /// Whose account it happened to.
    user_id: UserId,
    /// When.
    timestamp: DateTime<Utc>,
}

/// What is told of every event of a company.
#[derive(Serialize, JsonSchema)]
struct AboutCompany {
    /// Which company it happened to.
    company_id: CompanyId,
    /// When.
    timestamp: DateTime<Utc>,
}

/// What is told of every event of a stream itself.
#[derive(Serialize, JsonSchema)]
struct AboutStream {
    /// Which stream it happened to.
    stream_id: StreamId,
    /// What the stream is of.
    stream_kind: StreamKind,
    /// When.
    timestamp: DateTime<Utc>,
}

/// What is told of every event of an API key, beside which key it is.
#[derive(Serialize, JsonSchema)]
struct AboutApiKey {
    /// Whose key it is, where that is a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    /// Whose key it is, where that is a company.
    #[serde(skip_serializing_if = "Option::is_none")]
    company_id: Option<CompanyId>,
    /// What its owner calls it, of one that was issued and whose owner was not erased since.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// When.
    timestamp: DateTime<Utc>,
}

/// What is told of every event of a feature.
#[derive(Serialize, JsonSchema)]
struct AboutFeature {
    /// Which feature it happened to.
    feature_id: FeatureId,
    /// When.
    timestamp: DateTime<Utc>,
}

/// What is told of every type of event that the service writes, by type.
pub fn schemas() -> Vec<MessageSchema> {
    let mut newest: Vec<EventSchema> = Vec::new();
    for schema in catalogue() {
        // Versions of a type follow each other, the newest last.
        if newest.last().is_some_and(|last| last.event_type == schema.event_type) {
            newest.pop();
        }
        newest.push(schema);
    }
    newest.into_iter().map(of_event).collect()
}

/// What is told of events of clients' own types.
pub fn client_schema() -> Value {
    let about = "The data of a message of a type that clients have made.";
    titled(schema_of::<OfClient>(), &format!("a client's own type, message version {VERSION}"), about)
}

fn of_event(event: EventSchema) -> MessageSchema {
    let EventSchema { event_type, data, .. } = event;
    let own = own_shapes().into_iter().find(|(named, _)| *named == event_type);
    let data = own.map_or_else(|| beside(&data, &envelope(event_type)), |(_, shape)| shape);
    let about = "The data of a message that leaves through the broker.";
    MessageSchema {
        event_type,
        data: titled(data, &format!("{event_type}, message version {VERSION}"), about),
    }
}

/// The types whose messages are not the event's own facts.
fn own_shapes() -> [(&'static str, Value); 7] {
    [
        ("user.created", schema_of::<Created<'_>>()),
        ("user.updated", schema_of::<Updated<'_>>()),
        ("user.deleted", schema_of::<Deleted>()),
        ("user.logged_in", schema_of::<OfSession>()),
        ("user.logged_out", schema_of::<OfSession>()),
        ("company.created", schema_of::<CompanyCreated<'_>>()),
        ("company.updated", schema_of::<CompanyUpdated<'_>>()),
    ]
}

/// What stands beside an event's own facts.
fn envelope(event_type: &str) -> Value {
    match event_type.split('.').next() {
        Some("company") => schema_of::<AboutCompany>(),
        Some("stream") => schema_of::<AboutStream>(),
        Some("api_key") => schema_of::<AboutApiKey>(),
        Some("feature") => schema_of::<AboutFeature>(),
        _ => schema_of::<AboutUser>(),
    }
}

/// The fields of two shapes in one.
fn beside(facts: &Value, envelope: &Value) -> Value {
    let mut properties = facts["properties"].as_object().cloned().unwrap_or_default();
    properties.extend(envelope["properties"].as_object().cloned().unwrap_or_default());
    let required =
        [facts, envelope].into_iter().flat_map(|part| part["required"].as_array().into_iter().flatten());
    let mut required: Vec<_> = required.cloned().collect();
    required.dedup();
    json!({"type": "object", "properties": properties, "required": required})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_with_shapes_of_their_own_are_written() {
        let written = schemas();
        for (event_type, _) in own_shapes() {
            assert!(written.iter().any(|schema| schema.event_type == event_type), "{event_type}");
        }
    }

    #[test]
    fn a_message_that_is_the_events_own_facts_tells_whose_they_are_and_when() {
        let locked = schemas().into_iter().find(|schema| schema.event_type == "user.locked").expect("there");
        assert_eq!(locked.data["required"], json!(["seconds", "user_id", "timestamp"]));
        let fields: Vec<_> = locked.data["properties"].as_object().expect("fields").keys().collect();
        assert_eq!(fields, ["seconds", "timestamp", "user_id"]);
    }
}
