//! A session is everybody's, and so is its end.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{EMAIL, Replicas, UNVERIFIED, eventually, line::Line, readiness, ready, sign_in};
use crate::{
    client::{Client, PASSWORD},
    stack,
};

/// How long a client keeps asking until its session is refused.
async fn time_until_refused(client: &Client, access: &str) -> Duration {
    let begun = Instant::now();
    eventually("the session is refused", || async {
        let answer = client.get("/auth/me", access).await;
        (answer.status != 200).then(|| answer.expect_error(401, "USER_1006").status)
    })
    .await;
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_made_on_one_signs_in_on_the_other_and_refreshes_on_the_first() {
    let replicas = Replicas::start(2, &[]);
    let (one, other) = replicas.pair();
    one.register(EMAIL).await.expect(201);
    other.login(EMAIL, PASSWORD).await.expect_error(403, "USER_1004");
    let code = replicas.mailed_code(EMAIL).await;
    other.post("/auth/verify-email", &json!({"email": EMAIL, "code": code})).await.expect(200);
    let tokens = other.login(EMAIL, PASSWORD).await.tokens();
    one.get("/auth/me", &tokens.access).await.expect(200);
    let next = one.refresh(&tokens.refresh).await.tokens();
    for client in [&one, &other] {
        client.get("/auth/me", &next.access).await.expect(200);
    }
    let third = other.refresh(&next.refresh).await.tokens();
    one.get("/auth/me", &third.access).await.expect(200);
    other.register(EMAIL).await.expect_error(409, "USER_1102");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_on_one_is_refused_by_the_other_within_a_second() {
    let replicas = Replicas::start(2, &[UNVERIFIED]);
    let (one, other) = replicas.pair();
    sign_in(&one, EMAIL).await;
    for round in 0..5 {
        let tokens = one.login(EMAIL, PASSWORD).await.tokens();
        // The other knows the session.
        other.get("/auth/me", &tokens.access).await.expect(200);
        one.logout(&tokens.access).await.expect(200);
        let taken = time_until_refused(&other, &tokens.access).await;
        assert!(taken < Duration::from_secs(1), "round {round}: {taken:?}");
        other.refresh(&tokens.refresh).await.expect_error(401, "USER_1202");
    }
}

/// What Redis keeps of a session: `-` of one that has ended.
fn kept_of(session: &str) -> String {
    const LOOK: &str = "local found = {}
        for _, key in ipairs(redis.call('KEYS', '*session:' .. ARGV[1])) do
            found[#found + 1] = string.sub(redis.call('GET', key) or '', 1, 1)
        end
        return {ok = 'kept ' .. table.concat(found)}";
    stack::ask_redis(&mut stack::redis_connection(), &["EVAL", LOOK, "0", session])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_that_redis_did_not_hear_of_is_told_to_it_when_it_is_back() {
    let line = Line::to(&stack::redis(), 6379).await;
    let replicas = Replicas::start(1, &[UNVERIFIED, ("REDIS_URL", line.url())]);
    let client = Client::of(&replicas.servers[0]);
    client.register(EMAIL).await.expect(201);
    let answer = client.login(EMAIL, PASSWORD).await;
    let session = answer.expect(200)["session_id"].as_str().expect("an id").to_owned();
    let tokens = answer.tokens();
    client.get("/auth/me", &tokens.access).await.expect(200);
    assert_eq!(kept_of(&session), "+kept =");

    line.cut();
    client.logout(&tokens.access).await.expect(200);
    assert_ne!(kept_of(&session), "+kept -", "it cannot know");
    line.mend();
    eventually("Redis knows", || async { (kept_of(&session) == "+kept -").then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_all_goes_on_and_a_sign_out_is_seen_within_five_seconds() {
    let line = Line::to(&stack::redis(), 6379).await;
    let replicas = Replicas::start(2, &[UNVERIFIED, ("REDIS_URL", line.url())]);
    let (one, other) = replicas.pair();
    for client in [&one, &other] {
        assert_eq!(readiness(client).await, ready("up"));
    }
    let tokens = sign_in(&one, EMAIL).await;
    other.get("/auth/me", &tokens.access).await.expect(200);

    line.cut();
    one.logout(&tokens.access).await.expect(200);
    one.get("/auth/me", &tokens.access).await.expect_error(401, "USER_1006");
    let taken = time_until_refused(&other, &tokens.access).await;
    assert!(taken < Duration::from_secs(5), "{taken:?}");
    let second = sign_in(&other, "second@example.com").await;
    let next = one.refresh(&second.refresh).await.tokens();
    let change = json!({"name": "Jane Doe II"});
    other.put("/users/me", &next.access, &change).await.expect(200);
    assert_eq!(one.get("/users/me", &next.access).await.expect(200)["name"], "Jane Doe II");
    for client in [&one, &other] {
        eventually("it is degraded", || async {
            (readiness(client).await == ready("degraded")).then_some(())
        })
        .await;
    }

    line.mend();
    for client in [&one, &other] {
        eventually("it is up", || async { (readiness(client).await == ready("up")).then_some(()) }).await;
    }
    // The news goes round again, too: it is heard at once, or the other would believe the session for a second.
    eventually("news arrives at once", || async {
        let tokens = one.login(EMAIL, PASSWORD).await.tokens();
        other.get("/auth/me", &tokens.access).await.expect(200);
        one.logout(&tokens.access).await.expect(200);
        (time_until_refused(&other, &tokens.access).await < Duration::from_millis(500)).then_some(())
    })
    .await;
}
