//! Every route of an account's life, good and bad.

mod every_answer;
mod login;
mod logout;
mod profile;
mod refresh;
mod register;
mod verify_email;

use serde_json::{Value, json};

use crate::{
    client::{Answer, Client, PASSWORD, Tokens},
    server::Server,
};

const EMAIL: &str = "jane@example.com";

const USER: [&str; 18] = [
    "business_number",
    "business_type",
    "company",
    "created_at",
    "email",
    "id",
    "industry",
    "is_active",
    "is_verified",
    "last_login_at",
    "name",
    "phone",
    "region",
    "role",
    "stream_id",
    "stream_version",
    "updated_at",
    "username",
];
const TOKENS: [&str; 6] =
    ["access_token", "expires_in", "refresh_expires_in", "refresh_token", "session_id", "token_type"];
const SESSION: [&str; 7] =
    ["created_at", "current", "expires_at", "id", "ip_address", "last_seen_at", "user_agent"];

/// A registration with every field there is.
fn everything() -> Value {
    json!({
        "email": "Jane.Doe@Example.com", "password": PASSWORD, "name": "Jane Doe", "username": "Jane.Doe",
        "phone": "+821012345678", "business_type": "Retail", "business_number": "123-45-67890",
        "industry": "Shipping", "region": "North",
    })
}

/// An object with some of its fields set otherwise.
fn with(mut object: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().expect("an object") {
        object[name] = value.clone();
    }
    object
}

#[track_caller]
fn assert_keys(object: &Value, keys: &[&str]) {
    let found: Vec<_> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(found, keys);
}

/// What an error says, without what differs from request to request.
fn lasting(answer: &Answer) -> (u16, Value) {
    let mut body = answer.body.clone();
    for name in ["timestamp", "request_id"] {
        body.as_object_mut().expect("an object").remove(name);
    }
    (answer.status, body)
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// A code that is not this one.
fn another(code: &str) -> String {
    let number: u32 = code.parse().expect("six digits");
    format!("{:06}", (number + 1) % 1_000_000)
}

/// A service, a client and somebody who is signed in.
async fn signed_in(settings: &[(&str, &str)]) -> (Server, Client, Tokens) {
    let server = Server::start_with(settings);
    let client = Client::of(&server);
    let tokens = client.signed_in(&server, EMAIL).await;
    (server, client, tokens)
}
