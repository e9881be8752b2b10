use serde_json::json;

use super::{EMAIL, TOKENS, assert_keys, everything, lasting, with};
use crate::{
    client::{Client, PASSWORD},
    server::Server,
};

#[tokio::test(flavor = "multi_thread")]
async fn address_and_username_open_the_same_account_in_any_letter_case() {
    let server = Server::start_with(&[("ENABLE_EMAIL_VERIFICATION", "false")]);
    let client = Client::of(&server);
    let registered = client.post("/auth/register", &everything()).await;
    for name in [json!({"email": "jane.doe@EXAMPLE.com"}), json!({"username": "JANE.doe"})] {
        let answer = client.post("/auth/login", &with(name, &json!({"password": PASSWORD}))).await;
        let body = answer.expect(200);
        assert_keys(body, &TOKENS);
        assert_eq!(body["token_type"], "bearer");
        assert_eq!((&body["expires_in"], &body["refresh_expires_in"]), (&json!(1_800), &json!(604_800)));
        let tokens = answer.tokens();
        assert!(tokens.access.starts_with("v4.public.") && tokens.refresh.starts_with("v4.local."));
        let me = client.get("/auth/me", &tokens.access).await;
        assert_eq!(me.expect(200)["user"]["id"], registered.body["id"]);
        assert_eq!(me.body["session"]["id"], body["session_id"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_one_of_address_and_username_is_taken() {
    let server = Server::start();
    let client = Client::of(&server);
    for name in
        [json!({}), json!({"email": EMAIL, "username": "jane"}), json!({"email": null, "username": null})]
    {
        let answer = client.post("/auth/login", &with(name, &json!({"password": PASSWORD}))).await;
        assert_keys(
            &answer.expect_error(400, "COMMON_9001").body["details"]["fields"],
            &["email", "username"],
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_account_get_the_same_answer() {
    let server = Server::start();
    let client = Client::of(&server);
    client.register(EMAIL).await.expect(201);
    let wrong = client.login(EMAIL, "Wr0ng-password").await;
    wrong.expect_error(401, "USER_1001");
    assert_eq!(wrong.body["message"], "Invalid email or password");
    for email in ["nobody@example.com", "not an address", ""] {
        assert_eq!(lasting(&client.login(email, PASSWORD).await), lasting(&wrong), "{email:?}");
    }
    for password in ["", &"x".repeat(10_000), "tr4vel-light", "Tr4vel-light ", "Tr4vel-light\0"] {
        assert_eq!(lasting(&client.login(EMAIL, password).await), lasting(&wrong));
    }
    let unknown = json!({"username": "nobody", "password": PASSWORD});
    assert_eq!(lasting(&client.post("/auth/login", &unknown).await), lasting(&wrong));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_knows_the_password_learns_that_the_address_is_not_verified() {
    let server = Server::start();
    let client = Client::of(&server);
    client.register(EMAIL).await.expect(201);
    client.login(EMAIL, "Wr0ng-password").await.expect_error(401, "USER_1001");
    client.login(EMAIL, PASSWORD).await.expect_error(403, "USER_1004");
}
