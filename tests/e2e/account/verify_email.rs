use serde_json::json;

use super::{EMAIL, another, lasting};
use crate::{
    client::{Answer, Client, PASSWORD},
    server::Server,
};

async fn verify(client: &Client, email: &str, code: &str) -> Answer {
    client.post("/auth/verify-email", &json!({"email": email, "code": code})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mailed_code_is_good_once_and_for_the_address_in_any_letter_case() {
    let server = Server::start();
    let client = Client::of(&server);
    client.register(EMAIL).await.expect(201);
    let code = server.mailed_code(EMAIL);
    verify(&client, EMAIL, &another(&code)).await.expect_error(400, "USER_1008");
    verify(&client, "JANE@example.COM", &code).await.expect(200);
    verify(&client, EMAIL, &code).await.expect_error(400, "USER_1008");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_five_wrong_tries_the_right_code_is_refused_too() {
    let server = Server::start();
    let client = Client::of(&server);
    client.register(EMAIL).await.expect(201);
    let code = server.mailed_code(EMAIL);
    for _ in 0..5 {
        verify(&client, EMAIL, &another(&code)).await.expect_error(400, "USER_1008");
    }
    verify(&client, EMAIL, &code).await.expect_error(400, "USER_1008");
    client.login(EMAIL, PASSWORD).await.expect_error(403, "USER_1004");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_from_it_which_addresses_have_an_account() {
    let server = Server::start();
    let client = Client::of(&server);
    client.register(EMAIL).await.expect(201);
    let code = server.mailed_code(EMAIL);
    let known = verify(&client, EMAIL, &another(&code)).await;
    for email in ["nobody@example.com", "not an address", ""] {
        assert_eq!(lasting(&verify(&client, email, &code).await), lasting(&known), "{email:?}");
    }
    verify(&client, EMAIL, &code).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_persons_code_is_no_use_for_another() {
    let server = Server::start();
    let client = Client::of(&server);
    client.register(EMAIL).await.expect(201);
    client.register("other@example.com").await.expect(201);
    let (one, other) = (server.mailed_code(EMAIL), server.mailed_code("other@example.com"));
    assert_ne!(one, other, "one time in a million two codes are alike");
    verify(&client, EMAIL, &other).await.expect_error(400, "USER_1008");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_verification_is_off_a_person_signs_in_unverified() {
    let server = Server::start_with(&[("ENABLE_EMAIL_VERIFICATION", "false")]);
    let client = Client::of(&server);
    client.register(EMAIL).await.expect(201);
    let tokens = client.login(EMAIL, PASSWORD).await.tokens();
    assert_eq!(client.get("/users/me", &tokens.access).await.expect(200)["is_verified"], false);
}
