//! Signing in, refreshing and signing out.

use serde_json::json;

use crate::{client::Client, server::Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_registers_verifies_signs_in_refreshes_and_signs_out() {
    let server = Server::start();
    let client = Client::of(&server);
    let registered = client.register("jane@example.com").await;
    assert_eq!(registered.expect(201)["is_verified"], false);
    client.login("jane@example.com", "Tr4vel-light").await.expect_error(403, "USER_1004");

    let code = server.mailed_code("jane@example.com");
    client.post("/auth/verify-email", &json!({"email": "jane@example.com", "code": code})).await.expect(200);
    let tokens = client.login("jane@example.com", "Tr4vel-light").await.tokens();
    let me = client.get("/auth/me", &tokens.access).await;
    assert_eq!(me.expect(200)["user"]["is_verified"], true);

    let next = client.refresh(&tokens.refresh).await.tokens();
    client.logout(&next.access).await.expect(200);
    client.get("/auth/me", &next.access).await.expect_error(401, "USER_1006");
    client.get("/auth/me", &tokens.access).await.expect_error(401, "USER_1006");
    client.refresh(&next.refresh).await.expect_error(401, "USER_1202");
}
