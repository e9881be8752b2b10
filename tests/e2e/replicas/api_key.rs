//! A key is good on every replica, and ended on all of them at once; what each lets in adds up.

use reqwest::Method;
use serde_json::{Value, json};

use super::{EMAIL, Replicas, UNVERIFIED, eventually, sign_in};
use crate::client::{Answer, Client};

async fn access(client: &Client, bearer: &str, key: &Value) -> Answer {
    let request = client.request(Method::POST, "/feature/access/reports").bearer_auth(bearer);
    client.send(request.header("API-Key", key.as_str().expect("a key"))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_ended_or_replaced_on_one_is_so_on_the_other_at_once() {
    let replicas = Replicas::start(2, &[UNVERIFIED, ("API_KEY_ROTATION_OVERLAP_SECONDS", "0")]);
    let (one, other) = replicas.pair();
    let root = one.admin(&replicas.servers[0], "root@example.com").await.access;
    one.act("/feature", &root, &json!({"name": "reports"})).await.expect(201);
    sign_in(&one, EMAIL).await;
    let jane = other.login(EMAIL, crate::client::PASSWORD).await.tokens().access;
    for _ in 0..5 {
        let body = json!({"name": "ci", "features": ["reports"]});
        let made = one.act("/api_key/generate", &jane, &body).await.expect(201).clone();
        access(&other, &jane, &made["api_key"]).await.expect(200);
        let path = format!("/api_key/{}", made["id"].as_str().expect("an id"));
        let rotated = one.act(&format!("{path}/rotate"), &jane, &json!({})).await.expect(200).clone();
        access(&other, &jane, &made["api_key"]).await.expect_error(401, "KEY_4102");
        access(&other, &jane, &rotated["api_key"]).await.expect(200);
        one.delete(&path, &jane).await.expect(200);
        access(&other, &jane, &rotated["api_key"]).await.expect_error(401, "KEY_4102");
    }
    // What each of them has let in adds up.
    let body = json!({"name": "ci", "features": ["reports"]});
    let made = one.act("/api_key/generate", &jane, &body).await.expect(201).clone();
    for client in [&one, &other, &one] {
        access(client, &jane, &made["api_key"]).await.expect(200);
    }
    eventually("all are counted", || async {
        let usage = one.get("/feature/reports/usage", &root).await.expect(200).clone();
        (usage["granted"] == 13).then_some(())
    })
    .await;
}
