//! What leaves through the broker, as an AsyncAPI 3.0 document: made of the types that messages are written with.

use portcullis_domain::message::{self, MessageSchema, client_schema};
use portcullis_rabbitmq::{Options, envelope_schema};
use serde_json::{Map, Value, json};

const ABOUT: &str = "\
Every event of the service, told to other systems by RabbitMQ: a persistent message each, confirmed by the broker, at least once, in the order of \
its stream. Consumers bind queues of their own to the exchange, by type (`user.created`) or by pattern (`user.*`, `#`), and tell messages that come \
again by their `id`. What no queue takes is put aside and can be replayed: `portcullis subscriptions`.

Fields may be added to a message's data without another version: pass over those that you do not know.";

/// Stands for every type that clients have made.
const CLIENT: &str = "client";

/// The AsyncAPI document as JSON.
pub fn asyncapi_json() -> String {
    let mut messages = message::schemas();
    messages.push(MessageSchema { event_type: CLIENT, data: client_schema() });
    let by_type = |make: fn(&MessageSchema) -> Value| {
        messages.iter().map(|message| (message.event_type.to_owned(), make(message))).collect::<Map<_, _>>()
    };
    let mut schemas = by_type(|message| message.data.clone());
    schemas.insert("CloudEvent".to_owned(), envelope_schema());
    let document = json!({
        "asyncapi": "3.0.0",
        "info": {"title": "Portcullis", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT},
        "defaultContentType": "application/cloudevents+json",
        "servers": {"rabbitmq": {
            "host": "{host}",
            "protocol": "amqp",
            "protocolVersion": "0-9-1",
            "description": "What `AMQP_URL` names; over TLS where that is `amqps://`.",
            "variables": {"host": {"default": "localhost:5672", "description": "Host and port."}},
        }},
        "channels": by_type(channel),
        "operations": by_type(operation),
        "components": {"messages": by_type(message_of), "schemas": schemas},
    });
    format!("{document:#}\n")
}

fn channel(message: &MessageSchema) -> Value {
    let event_type = message.event_type;
    let mut channel = json!({
        "address": event_type,
        "messages": {event_type: {"$ref": format!("#/components/messages/{event_type}")}},
        "bindings": {"amqp": {
            "is": "routingKey",
            "exchange": {"name": exchange(), "type": "topic", "durable": true, "autoDelete": false, "vhost": "/"},
            "bindingVersion": "0.3.0",
        }},
    });
    if event_type == CLIENT {
        channel["address"] = json!("{type}");
        let about = "A type that clients have made: none that begins with `user.`, `company.`, `api_key.`, `feature.` or `stream.`.";
        channel["parameters"] = json!({"type": {"description": about}});
    }
    channel
}

fn operation(message: &MessageSchema) -> Value {
    let channel = format!("#/channels/{}", message.event_type);
    json!({
        "action": "send",
        "channel": {"$ref": channel},
        "messages": [{"$ref": format!("{channel}/messages/{}", message.event_type)}],
        "bindings": {"amqp": {"deliveryMode": 2, "mandatory": true, "timestamp": true, "bindingVersion": "0.3.0"}},
    })
}

fn message_of(message: &MessageSchema) -> Value {
    let event_type = message.event_type;
    let path = if event_type == CLIENT { "[^/]+" } else { &event_type.replace('.', "\\.") };
    let version = message::VERSION.replace('.', "\\.");
    let named = if event_type == CLIENT { json!({"type": "string"}) } else { json!({"const": event_type}) };
    json!({
        "name": event_type,
        "title": event_type,
        "contentType": "application/cloudevents+json",
        "payload": {"allOf": [
            {"$ref": "#/components/schemas/CloudEvent"},
            {"type": "object", "properties": {
                "type": named,
                "dataschema": {"type": "string", "pattern": format!("/api/v1/stream/schemas/{path}/{version}$")},
                "data": {"$ref": format!("#/components/schemas/{event_type}")},
            }},
        ]},
    })
}

/// The exchange's name where `AMQP_EXCHANGE` gives no other.
fn exchange() -> String {
    let anywhere = "http://localhost".parse().expect("a URL");
    Options::new(anywhere).exchange
}
