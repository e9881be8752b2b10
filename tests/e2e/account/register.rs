use serde_json::{Value, json};

use super::{EMAIL, USER, assert_keys, everything, is_uuid, with};
use crate::{client::Client, server::Server};

#[tokio::test(flavor = "multi_thread")]
async fn every_field_is_kept_as_it_was_given_and_the_username_folded() {
    let server = Server::start();
    let client = Client::of(&server);
    let answer = client.post("/auth/register", &everything()).await;
    let user = answer.expect(201);
    assert_keys(user, &USER);
    for (name, value) in everything().as_object().expect("an object") {
        match name.as_str() {
            "password" => assert!(user.get(name).is_none()),
            "username" => assert_eq!(user[name], "jane.doe"),
            _ => assert_eq!(&user[name], value, "{name}"),
        }
    }
    assert!(is_uuid(user["id"].as_str().expect("a text")));
    assert_eq!(user["stream_id"], user["id"]);
    assert!(user["stream_version"].as_u64().expect("a number") >= 1);
    assert_eq!(
        (&user["role"], &user["is_active"], &user["is_verified"]),
        (&json!("user"), &json!(true), &json!(false))
    );
    assert_eq!((&user["company"], &user["last_login_at"]), (&Value::Null, &Value::Null));
    let created_at = user["created_at"].as_str().expect("a text");
    assert!(
        created_at.ends_with('Z') && created_at.len() == "2026-01-31T08:00:00.123456Z".len(),
        "{created_at}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_is_null() {
    let server = Server::start();
    let answer = Client::of(&server).register(EMAIL).await;
    let user = answer.expect(201);
    assert_keys(user, &USER);
    for name in ["username", "phone", "business_type", "business_number", "industry", "region"] {
        assert_eq!(user[name], Value::Null, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_or_username_is_taken_in_any_letter_case() {
    let server = Server::start();
    let client = Client::of(&server);
    client.post("/auth/register", &everything()).await.expect(201);
    let same_address = with(everything(), &json!({"email": "jANE.dOE@eXAMPLE.COM", "username": "other"}));
    client.post("/auth/register", &same_address).await.expect_error(409, "USER_1102");
    let same_username = with(everything(), &json!({"email": "other@example.com", "username": "JANE.DOE"}));
    client.post("/auth/register", &same_username).await.expect_error(409, "USER_1105");
    // Neither of the two that were refused has taken anything.
    let neither = with(everything(), &json!({"email": "other@example.com", "username": "other"}));
    client.post("/auth/register", &neither).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_invalid_field_is_named_with_what_is_wrong() {
    let server = Server::start();
    let client = Client::of(&server);
    let long = "x".repeat(101);
    let cases = [
        ("name", json!("J"), "2 to 100 characters"),
        ("name", json!(long), "2 to 100 characters"),
        ("name", json!("Jane <Doe>"), "letters, digits"),
        ("username", json!("jd"), "3 to 32 characters"),
        ("username", json!("x".repeat(33)), "3 to 32 characters"),
        ("username", json!("jane doe"), "may hold only"),
        ("phone", json!("call me"), "digits"),
        ("phone", json!("+123456789012345678901"), "at most 20"),
        ("business_type", json!(""), "1 to 100 characters"),
        ("business_number", json!(long), "1 to 100 characters"),
        ("industry", json!("a\u{0}b"), "control characters"),
        ("region", json!("a\nb"), "control characters"),
        ("name", Value::Null, "must be a string"),
        ("phone", json!(821_012_345_678_u64), "must be a string"),
        ("region", json!(["North"]), "must be a string"),
        ("nickname", json!("JD"), "not a field"),
    ];
    for (field, value, message) in cases {
        let body = with(everything(), &json!({field: value}));
        let answer = client.post("/auth/register", &body).await;
        let fields = &answer.expect_error(400, "COMMON_9001").body["details"]["fields"];
        assert_keys(fields, &[field]);
        let first = fields[field][0].as_str().expect("a message");
        assert!(first.contains(message), "{field}={value}: {first}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_is_said_at_once() {
    let server = Server::start();
    let client = Client::of(&server);
    let body = with(everything(), &json!({"name": "J", "username": "x", "phone": "x", "region": ""}));
    let answer = client.post("/auth/register", &body).await;
    let fields = &answer.expect_error(400, "COMMON_9001").body["details"]["fields"];
    assert_keys(fields, &["name", "phone", "region", "username"]);

    let answer = client.post("/auth/register", &json!({"username": "jane"})).await;
    let fields = &answer.expect_error(400, "COMMON_9001").body["details"]["fields"];
    assert_eq!(
        fields,
        &json!({"email": ["is required"], "name": ["is required"], "password": ["is required"]})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_address_has_a_code_of_its_own() {
    let server = Server::start();
    let client = Client::of(&server);
    let long = format!("{}@example.com", "a".repeat(243));
    for email in [
        "",
        "jane",
        "jane@",
        "@example.com",
        "jane@localhost",
        "a b@example.com",
        "Jane <jane@example.com>",
        &long,
    ] {
        let answer = client.register(email).await;
        let fields = &answer.expect_error(400, "USER_1104").body["details"]["fields"];
        assert_keys(fields, &["email"]);
    }
    // The longest that mail can carry is one.
    let domain = format!("{}.{}.{}.example.com", "b".repeat(60), "c".repeat(60), "d".repeat(55));
    let longest = format!("{}@{domain}", "a".repeat(254 - 1 - domain.len()));
    assert_eq!(longest.len(), 254);
    client.register(&longest).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weak_password_is_refused_with_each_rule_it_breaks() {
    let server = Server::start();
    let client = Client::of(&server);
    let too_long = "Aa1!".repeat(33);
    let cases: [(&str, &[&str]); 9] = [
        ("Sh0rt-x", &["length"]),
        (&too_long, &["length"]),
        ("tr4vel-light", &["upper_case"]),
        ("TR4VEL-LIGHT", &["lower_case"]),
        ("Travel-light", &["digit"]),
        ("Tr4vel light", &["symbol"]),
        ("Password1!", &["common"]),
        ("x-JANE.DOE-4x", &["personal"]),
        ("", &["length", "upper_case", "lower_case", "digit", "symbol"]),
    ];
    for (password, reasons) in cases {
        let answer = client.post("/auth/register", &with(everything(), &json!({"password": password}))).await;
        let details = &answer.expect_error(400, "USER_1103").body["details"];
        assert_eq!(details["reasons"], json!(reasons), "{password}");
        assert_eq!(details["fields"]["password"].as_array().expect("messages").len(), reasons.len());
    }
}
