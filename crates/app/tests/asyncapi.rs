//! The AsyncAPI document is the contract that consumers of the broker are made from: a change of it is seen in a review, or not made.

use portcullis_domain::message::schemas;
use serde_json::Value;

const CHECKED_IN: &str = include_str!("../../../asyncapi.json");
const STALE: &str = "asyncapi.json is not what the code says any more; read the change, and write the file anew: just asyncapi";

#[test]
fn the_document_is_the_one_that_is_checked_in() {
    let document = portcullis_app::asyncapi_json();
    for (number, (is, was)) in document.lines().zip(CHECKED_IN.lines()).enumerate() {
        assert_eq!(is, was, "line {}: {STALE}", number + 1);
    }
    assert!(document == CHECKED_IN, "{STALE}");
}

#[test]
fn every_type_has_a_channel_and_every_reference_leads_somewhere() {
    let document: Value = serde_json::from_str(CHECKED_IN).expect("JSON");
    let channels: Vec<_> = document["channels"].as_object().expect("channels").keys().collect();
    for schema in schemas() {
        assert!(channels.iter().any(|channel| **channel == schema.event_type), "{}", schema.event_type);
    }
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > channels.len());
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("into the document itself");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|field| collect(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}
