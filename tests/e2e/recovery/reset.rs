use super::{EMAIL, NEW, another, count_mails, forgot, reset, signed_in, token};
use crate::client::PASSWORD;

#[tokio::test(flavor = "multi_thread")]
async fn who_forgot_the_password_chooses_a_new_one_and_every_session_ends() {
    let (server, client, tokens) = signed_in().await;
    let second = client.login(EMAIL, PASSWORD).await.tokens();
    let token = token(&server, &client).await;
    assert_eq!(
        reset(&client, &token, NEW).await.expect(200)["message"],
        "The new password is set; sign in with it"
    );
    for ended in [&tokens, &second] {
        client.get("/auth/me", &ended.access).await.expect_error(401, "USER_1006");
        client.refresh(&ended.refresh).await.expect_error(401, "USER_1202");
    }
    client.login(EMAIL, PASSWORD).await.expect_error(401, "USER_1001");
    client.login(EMAIL, NEW).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_once() {
    let (server, client, _) = signed_in().await;
    let token = token(&server, &client).await;
    reset(&client, &token, NEW).await.expect(200);
    reset(&client, &token, "An0ther-lantern!").await.expect_error(400, "USER_1008");
    client.login(EMAIL, NEW).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_five_wrong_tries_the_right_token_is_refused_too() {
    let (server, client, _) = signed_in().await;
    let token = token(&server, &client).await;
    for _ in 0..5 {
        reset(&client, &another(&token), NEW).await.expect_error(400, "USER_1008");
    }
    reset(&client, &token, NEW).await.expect_error(400, "USER_1008");
    client.login(EMAIL, PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_token_is_refused_like_a_wrong_one() {
    let (server, client, _) = signed_in().await;
    let token = token(&server, &client).await;
    for wrong in
        ["", "token", "000000", &"A".repeat(64), &token[..63], &format!("{token}A"), "한국어", "\u{0}"]
    {
        reset(&client, wrong, NEW).await.expect_error(400, "USER_1008");
    }
    reset(&client, &token, NEW).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_breaks_a_rule_costs_no_token() {
    let (server, client, _) = signed_in().await;
    let token = token(&server, &client).await;
    for _ in 0..6 {
        let answer = reset(&client, &token, "short").await;
        answer.expect_error(400, "USER_1103");
        assert!(answer.body["details"]["reasons"].as_array().is_some_and(|reasons| !reasons.is_empty()));
        assert!(answer.body["details"]["fields"]["new_password"].is_array());
    }
    reset(&client, &token, PASSWORD).await.expect_error(400, "USER_1106");
    reset(&client, &token, NEW).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_told_nothing_of_the_password() {
    let (server, client, _) = signed_in().await;
    let token = token(&server, &client).await;
    for password in ["short", PASSWORD, "Jane-doe-1!"] {
        reset(&client, &another(&token), password).await.expect_error(400, "USER_1008");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_token_a_minute_is_mailed() {
    let (server, client, _) = signed_in().await;
    let first = token(&server, &client).await;
    for _ in 0..3 {
        forgot(&client, EMAIL).await.expect(202);
    }
    reset(&client, &first, NEW).await.expect(200);
    // The mail of the change comes after whatever was asked for before it.
    server.wait_for_mail(EMAIL, "was changed");
    assert_eq!(count_mails(&server, EMAIL, "?token="), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_is_told_of_a_new_password() {
    let (server, client, _) = signed_in().await;
    let token = token(&server, &client).await;
    reset(&client, &token, NEW).await.expect(200);
    let mail = server.wait_for_mail(EMAIL, "was changed");
    assert!(mail.contains("Subject: Your portcullis password was changed"), "{mail}");
    assert!(mail.contains("/console/password/reset"), "{mail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_which_addresses_have_an_account() {
    let (server, client, _) = signed_in().await;
    let known = forgot(&client, EMAIL).await;
    for email in ["nobody@example.com", "no address", "", "JANE@EXAMPLE.COM"] {
        assert_eq!(forgot(&client, email).await.expect(202), known.expect(202), "{email}");
    }
    assert_eq!(server.mails("nobody@example.com").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_are_in_the_language_of_the_request_and_notices_in_that_of_the_last_mail() {
    let (server, client, _) = signed_in().await;
    let body = serde_json::json!({"email": EMAIL});
    let request = client.request(reqwest::Method::POST, "/auth/password/forgot").json(&body);
    client.send(request.header("Accept-Language", "ru-RU,ru;q=0.9,en;q=0.5")).await.expect(202);
    let token = server.mailed_token(EMAIL);
    assert_eq!(count_mails(&server, EMAIL, "Ссылка сработает один раз"), 1);
    reset(&client, &token, NEW).await.expect(200);
    server.wait_for_mail(EMAIL, "На других устройствах выполнен выход");
}
