use super::{EMAIL, TOKENS, assert_keys, signed_in};
use crate::client::PASSWORD;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_pair_belongs_to_the_same_session() {
    let (_server, client, tokens) = signed_in(&[]).await;
    let before = client.get("/auth/me", &tokens.access).await;
    let answer = client.refresh(&tokens.refresh).await;
    assert_keys(answer.expect(200), &TOKENS);
    assert_eq!(answer.body["session_id"], before.body["session"]["id"]);
    let next = answer.tokens();
    assert_ne!(next.access, tokens.access);
    assert_ne!(next.refresh, tokens.refresh);
    client.get("/auth/me", &next.access).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_is_no_refresh_token_and_the_other_way_round() {
    let (_server, client, tokens) = signed_in(&[]).await;
    client.refresh(&tokens.access).await.expect_error(401, "USER_1006");
    client.get("/auth/me", &tokens.refresh).await.expect_error(401, "USER_1006");
    client.refresh("").await.expect_error(401, "USER_1006");
    client.refresh(&tokens.refresh).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_leeway_a_used_token_that_comes_back_ends_its_session_and_no_other() {
    let (_server, client, stolen) = signed_in(&[("REFRESH_REUSE_LEEWAY_SECONDS", "0")]).await;
    let other = client.login(EMAIL, PASSWORD).await.tokens();
    let next = client.refresh(&stolen.refresh).await.tokens();
    client.refresh(&stolen.refresh).await.expect_error(401, "USER_1204");
    client.refresh(&stolen.refresh).await.expect_error(401, "USER_1202");
    client.refresh(&next.refresh).await.expect_error(401, "USER_1202");
    client.get("/auth/me", &next.access).await.expect_error(401, "USER_1006");
    client.refresh(&other.refresh).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn within_the_leeway_a_client_that_lost_the_answer_may_ask_again() {
    let (_server, client, tokens) = signed_in(&[("REFRESH_REUSE_LEEWAY_SECONDS", "300")]).await;
    let lost = client.refresh(&tokens.refresh).await.tokens();
    let again = client.refresh(&tokens.refresh).await.tokens();
    client.get("/auth/me", &again.access).await.expect(200);
    client.refresh(&again.refresh).await.expect(200);
    // Both were of one generation, which is used now; the one before it is past all leeway.
    client.refresh(&lost.refresh).await.expect(200);
    client.refresh(&tokens.refresh).await.expect_error(401, "USER_1204");
}
