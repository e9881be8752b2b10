use reqwest::Method;
use serde_json::{Value, json};

use super::{EMAIL, assert_keys, signed_in};
use crate::client::PASSWORD;

#[tokio::test(flavor = "multi_thread")]
async fn one_session_ends_and_the_others_live_unless_all_are_meant() {
    let (_server, client, first) = signed_in(&[]).await;
    let second = client.login(EMAIL, PASSWORD).await.tokens();
    let third = client.login(EMAIL, PASSWORD).await.tokens();
    let logout = |access: &str, body: Value| {
        client.send(client.request(Method::POST, "/auth/logout").bearer_auth(access).json(&body))
    };
    let answer = logout(&first.access, json!({"all": false})).await;
    assert_keys(answer.expect(200), &["message"]);
    client.get("/auth/me", &first.access).await.expect_error(401, "USER_1006");
    client.refresh(&first.refresh).await.expect_error(401, "USER_1202");
    client.get("/auth/me", &second.access).await.expect(200);

    logout(&second.access, json!({"all": true})).await.expect(200);
    for tokens in [second, third] {
        client.get("/auth/me", &tokens.access).await.expect_error(401, "USER_1006");
        client.refresh(&tokens.refresh).await.expect_error(401, "USER_1202");
    }
    client.login(EMAIL, PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_without_a_body_once() {
    let (_server, client, tokens) = signed_in(&[]).await;
    client.logout(&tokens.access).await.expect(200);
    client.logout(&tokens.access).await.expect_error(401, "USER_1006");
}
