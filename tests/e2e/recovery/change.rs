use super::{EMAIL, NEW, change, reset, signed_in, token};
use crate::{
    client::{Client, PASSWORD},
    server::Server,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_ends_the_other_sessions_and_not_this_one() {
    let (server, client, tokens) = signed_in().await;
    let other = client.login(EMAIL, PASSWORD).await.tokens();
    change(&client, &tokens, PASSWORD, NEW).await.expect(200);
    client.get("/auth/me", &tokens.access).await.expect(200);
    client.refresh(&tokens.refresh).await.expect(200);
    client.get("/auth/me", &other.access).await.expect_error(401, "USER_1006");
    client.refresh(&other.refresh).await.expect_error(401, "USER_1202");
    client.login(EMAIL, PASSWORD).await.expect_error(401, "USER_1001");
    client.login(EMAIL, NEW).await.expect(200);
    server.wait_for_mail(EMAIL, "was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_current_password_must_be_right_before_anything_is_said_of_the_new_one() {
    let (_server, client, tokens) = signed_in().await;
    for new in [NEW, "short", PASSWORD] {
        change(&client, &tokens, "Wr0ng-light", new).await.expect_error(403, "USER_1009");
    }
    change(&client, &tokens, &"x".repeat(10_000), NEW).await.expect_error(403, "USER_1009");
    let answer = change(&client, &tokens, PASSWORD, "short").await;
    answer.expect_error(400, "USER_1103");
    assert!(answer.body["details"]["fields"]["new_password"].is_array());
    client.login(EMAIL, PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn none_of_the_last_five_passwords_comes_back() {
    let (_server, client, tokens) = signed_in().await;
    let passwords: Vec<_> = (0..5).map(|number| format!("N3w-lantern-{number}!")).collect();
    let mut current = PASSWORD;
    for next in &passwords {
        change(&client, &tokens, current, current).await.expect_error(400, "USER_1106");
        change(&client, &tokens, current, next).await.expect(200);
        current = next;
    }
    for last in &passwords {
        change(&client, &tokens, current, last).await.expect_error(400, "USER_1106");
    }
    change(&client, &tokens, current, PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_history_a_password_may_come_back() {
    let server = Server::start_with(&[("ENABLE_PASSWORD_HISTORY", "false")]);
    let client = Client::of(&server);
    let tokens = client.signed_in(&server, EMAIL).await;
    change(&client, &tokens, PASSWORD, NEW).await.expect(200);
    change(&client, &tokens, NEW, PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_voids_the_token_that_waits() {
    let (server, client, tokens) = signed_in().await;
    let token = token(&server, &client).await;
    change(&client, &tokens, PASSWORD, NEW).await.expect(200);
    reset(&client, &token, "An0ther-lantern!").await.expect_error(400, "USER_1008");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_changes_a_password_without_a_session() {
    let (_server, client, tokens) = signed_in().await;
    client.logout(&tokens.access).await.expect(200);
    change(&client, &tokens, PASSWORD, NEW).await.expect_error(401, "USER_1006");
}
