//! Somebody registers another's address before its owner does, and waits.

use serde_json::json;

use super::{EMAIL, NEW, change, resend, reset, token, verify};
use crate::{
    client::{Client, PASSWORD},
    server::Server,
};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_registered_an_address_before_its_owner_keeps_nothing_once_the_owner_recovers_it() {
    let server = Server::start_with(&[("ENABLE_EMAIL_VERIFICATION", "false")]);
    let client = Client::of(&server);
    // The attacker is in, by a name of their own too, and has a code pending.
    let registration =
        json!({"email": EMAIL, "username": "mallory", "password": PASSWORD, "name": "Jane Doe"});
    client.post("/auth/register", &registration).await.expect(201);
    let by_email = client.login(EMAIL, PASSWORD).await.tokens();
    let by_name = json!({"username": "mallory", "password": PASSWORD});
    let by_username = client.post("/auth/login", &by_name).await.tokens();
    let refreshed = client.refresh(&by_email.refresh).await.tokens();
    resend(&client, EMAIL).await.expect(202);
    let code = server.mailed_code(EMAIL);

    // The owner finds the address taken, and recovers it by mail.
    client.register(EMAIL).await.expect_error(409, "USER_1102");
    let token = token(&server, &client).await;
    reset(&client, &token, NEW).await.expect(200);

    for tokens in [&by_email, &by_username, &refreshed] {
        client.get("/auth/me", &tokens.access).await.expect_error(401, "USER_1006");
        client.refresh(&tokens.refresh).await.expect_error(401, "USER_1202");
        change(&client, tokens, PASSWORD, "Mall0ry-lantern!").await.expect_error(401, "USER_1006");
    }
    client.login(EMAIL, PASSWORD).await.expect_error(401, "USER_1001");
    client.post("/auth/login", &by_name).await.expect_error(401, "USER_1001");
    verify(&client, EMAIL, &code).await.expect_error(400, "USER_1008");
    reset(&client, &token, "Mall0ry-lantern!").await.expect_error(400, "USER_1008");

    // The owner is in, and the address is proved: it read the mail.
    let owner = client.login(EMAIL, NEW).await.tokens();
    assert_eq!(client.get("/users/me", &owner.access).await.expect(200)["is_verified"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_verification_is_required_recovery_is_the_way_in_for_the_owner() {
    let server = Server::start();
    let client = Client::of(&server);
    client.register(EMAIL).await.expect(201);
    let code = server.mailed_code(EMAIL);
    let token = token(&server, &client).await;
    reset(&client, &token, NEW).await.expect(200);
    verify(&client, EMAIL, &code).await.expect_error(400, "USER_1008");
    client.login(EMAIL, PASSWORD).await.expect_error(401, "USER_1001");
    client.login(EMAIL, NEW).await.expect(200);
}
