use reqwest::Method;
use serde_json::{Value, json};

use super::{SESSION, USER, assert_keys, signed_in, with};
use crate::client::PASSWORD;

#[tokio::test(flavor = "multi_thread")]
async fn me_says_who_the_caller_is_what_they_may_do_and_in_which_session() {
    let (_server, client, tokens) = signed_in(&[]).await;
    let request = client.request(Method::GET, "/auth/me").bearer_auth(&tokens.access);
    let answer = client.send(request.header("User-Agent", "e2e/1")).await;
    let body = answer.expect(200);
    assert_keys(body, &["company", "permissions", "session", "user"]);
    assert_keys(&body["user"], &USER);
    assert_keys(&body["session"], &SESSION);
    assert_eq!((&body["company"], &body["permissions"]), (&Value::Null, &json!(["stream:write"])));
    assert_eq!(
        (&body["session"]["current"], &body["session"]["ip_address"]),
        (&json!(true), &json!("127.0.0.1"))
    );
    assert!(body["user"]["last_login_at"].is_string());
    assert_eq!(client.get("/users/me", &tokens.access).await.expect(200), &body["user"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_sets_what_it_names_empties_what_it_nulls_and_keeps_the_rest() {
    let (_server, client, tokens) = signed_in(&[]).await;
    let set = json!({"username": "Jane", "phone": "010-1234-5678", "business_type": "Retail",
        "business_number": "1", "industry": "Shipping", "region": "North"});
    let before = client.put("/users/me", &tokens.access, &set).await;
    assert_eq!(before.expect(200)["username"], "jane");
    let change = json!({"name": "Jane Roe", "phone": null, "region": "South"});
    let after = client.put("/users/me", &tokens.access, &change).await;
    let expected = with(before.body.clone(), &change);
    for name in USER.iter().filter(|name| !["updated_at", "stream_version"].contains(name)) {
        assert_eq!(after.expect(200)[name], expected[name], "{name}");
    }
    assert!(after.body["stream_version"].as_u64() > before.body["stream_version"].as_u64());
    assert!(after.body["updated_at"].as_str() > before.body["updated_at"].as_str());
    assert_eq!(client.get("/users/me", &tokens.access).await.expect(200), &after.body);
    // A change that changes nothing is none.
    for nothing in [json!({}), json!({"region": "South", "phone": null})] {
        assert_eq!(client.put("/users/me", &tokens.access, &nothing).await.expect(200), &after.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_refused_changes_nothing_and_names_every_field() {
    let (_server, client, tokens) = signed_in(&[]).await;
    let before = client.get("/users/me", &tokens.access).await;
    let cases = [
        (json!({"name": null}), vec!["name"]),
        (
            json!({"name": "J", "username": "x", "phone": "x", "region": ""}),
            vec!["name", "phone", "region", "username"],
        ),
        (json!({"name": "Jane Roe", "role": "admin"}), vec!["role"]),
        (json!({"name": "Jane Roe", "email": "other@example.com"}), vec!["email"]),
        (json!({"name": "Jane Roe", "is_verified": true}), vec!["is_verified"]),
        (json!({"name": 5}), vec!["name"]),
    ];
    for (change, fields) in cases {
        let answer = client.put("/users/me", &tokens.access, &change).await;
        assert_keys(&answer.expect_error(400, "COMMON_9001").body["details"]["fields"], &fields);
    }
    assert_eq!(client.get("/users/me", &tokens.access).await.body, before.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_username_is_one_persons_until_they_give_it_up() {
    let (server, client, jane) = signed_in(&[]).await;
    let other = client.signed_in(&server, "other@example.com").await;
    client.put("/users/me", &jane.access, &json!({"username": "jane"})).await.expect(200);
    let take = json!({"username": "JANE"});
    client.put("/users/me", &other.access, &take).await.expect_error(409, "USER_1105");
    client.put("/users/me", &jane.access, &json!({"username": null})).await.expect(200);
    client.put("/users/me", &other.access, &take).await.expect(200);
    let by_name = client.post("/auth/login", &json!({"username": "jane", "password": PASSWORD})).await;
    let me = client.get("/users/me", &by_name.tokens().access).await;
    assert_eq!(me.expect(200)["email"], "other@example.com");
}
