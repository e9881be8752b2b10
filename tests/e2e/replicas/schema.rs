//! What is said of messages and events is what is sent and stored.

use std::{collections::BTreeMap, time::Instant};

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};

use super::{EMAIL, Replicas, UNVERIFIED, sign_in};
use crate::{
    client::{self, Client, PASSWORD},
    server::PATIENCE,
};

fn validator(schema: &Value) -> Validator {
    jsonschema::draft202012::options().should_validate_formats(true).build(schema).expect("a schema")
}

#[track_caller]
fn assert_fits(validator: &Validator, value: &Value) {
    let errors: Vec<_> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{value:#}");
}

/// What the document that is checked in says of messages of a type.
fn documented(document: &Value, event_type: &str) -> Validator {
    let known = document["channels"].get(event_type).map_or("client", |_| event_type);
    let pointer = format!("#/components/messages/{known}/payload");
    validator(&json!({"$ref": pointer, "components": document["components"]}))
}

/// Things that happen to accounts and to a company, and one that a client says has happened.
async fn live(client: &Client) -> String {
    let tokens = sign_in(client, EMAIL).await;
    let me = client.get("/users/me", &tokens.access).await;
    let stream = me.expect(200)["stream_id"].as_str().expect("an id").to_owned();
    client
        .put("/users/me", &tokens.access, &json!({"name": "Jane Doe II", "region": "South"}))
        .await
        .expect(200);
    let event = json!({"stream_id": stream, "type": "note.taken", "data": {"user_id": "somebody", "n": 1}});
    client.act("/stream/events", &tokens.access, &event).await.expect(201);
    let change = json!({"current_password": PASSWORD, "new_password": "N3w-lantern!"});
    client.act("/auth/password/change", &tokens.access, &change).await.expect(200);
    client.post("/auth/password/forgot", &json!({"email": EMAIL})).await.expect(202);
    let company = json!({"email": "owner@example.com", "password": PASSWORD, "name": "Smith & Sons"});
    client.post("/auth/register/company", &company).await.expect(201);
    let owner = client.login("owner@example.com", PASSWORD).await.tokens();
    client.put("/companies/me", &owner.access, &json!({"region": "North"})).await.expect(200);
    client.act("/companies/me/invitations", &owner.access, &json!({})).await.expect(201);
    client.logout(&owner.access).await.expect(200);
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_is_as_its_schema_and_the_checked_in_document_say() {
    let replicas = Replicas::start(1, &[UNVERIFIED, ("RATE_LIMIT_ENABLED", "false")]);
    let (server, client) = (&replicas.servers[0], Client::of(&replicas.servers[0]));
    live(&client).await;
    let count = replicas.events().await.len();
    let mut messages: BTreeMap<String, Value> = BTreeMap::new();
    let deadline = Instant::now() + PATIENCE;
    while messages.len() < count {
        for message in replicas.place.messages().await {
            messages.insert(message["id"].as_str().expect("an id").to_owned(), message);
        }
        assert!(Instant::now() < deadline, "{} of {count}", messages.len());
    }
    let document: Value = serde_json::from_str(include_str!("../../../asyncapi.json")).expect("JSON");
    for message in messages.values() {
        let event_type = message["type"].as_str().expect("a type");
        assert_fits(&documented(&document, event_type), message);
        let path = message["dataschema"].as_str().expect("a URL").split_once("/api/").expect("a path").1;
        let schema =
            client::http().get(format!("{}/api/{path}", server.url())).send().await.expect("an answer");
        assert_eq!(schema.status(), 200, "{event_type}: its dataschema leads nowhere");
        assert_fits(&validator(&schema.json().await.expect("JSON")), &message["data"]);
    }
    let types: Vec<_> = messages.values().filter_map(|message| message["type"].as_str()).collect();
    for event_type in
        ["user.created", "user.updated", "company.created", "company.member_invited", "note.taken"]
    {
        assert!(types.contains(&event_type), "{event_type}: {types:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_event_is_as_its_schema_says() {
    let replicas = Replicas::start(1, &[UNVERIFIED, ("RATE_LIMIT_ENABLED", "false")]);
    let (server, client) = (&replicas.servers[0], Client::of(&replicas.servers[0]));
    let stream = live(&client).await;
    let admin = client.admin(server, "root@example.com").await;
    let list = client.send(client.request(Method::GET, "/stream/schemas")).await;
    let schemas = list.expect(200)["items"].as_array().expect("a list").clone();
    let events = client.get(&format!("/stream/events/{stream}"), &admin.access).await;
    for event in events.expect(200)["items"].as_array().expect("a list") {
        let is_of = |schema: &&Value| {
            schema["type"] == event["type"] && schema["schema_version"] == event["schema_version"]
        };
        match schemas.iter().find(is_of) {
            Some(schema) => assert_fits(&validator(&schema["data"]), &event["data"]),
            None => assert_eq!(event["type"], "note.taken", "{event:#}"),
        }
    }
}
