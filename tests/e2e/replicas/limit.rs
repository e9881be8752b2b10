//! Limits are everybody's: whoever goes from replica to replica is counted by all of them together.

use super::{EMAIL, Replicas, eventually, line::Line, readiness, ready};
use crate::{
    client::Client,
    limits::{LIMITED, PROXIED, new_network},
    stack,
};

/// How many sign-ins of ten, made in turn on each of them, are let through.
async fn allowed_in_turn(clients: [&Client; 2]) -> usize {
    let address = format!("{}::1", new_network());
    let mut allowed = 0;
    for number in 0..10 {
        let client = clients[number % 2].at_address(&address);
        let answer = client.login(EMAIL, "Wr0ng-password").await;
        match answer.status {
            401 => allowed += 1,
            _ => drop(answer.expect_error(429, "COMMON_9002").number("Retry-After")),
        }
    }
    allowed
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_limit_together_and_each_for_itself_while_redis_is_away() {
    let line = Line::to(&stack::redis(), 6379).await;
    // Few a minute, so that none comes back while the test runs.
    let few = ("RATE_LIMIT_LOGIN_PER_MINUTE", "2");
    let replicas = Replicas::start(2, &[LIMITED, PROXIED, few, ("REDIS_URL", line.url())]);
    let (one, other) = replicas.pair();
    assert_eq!(allowed_in_turn([&one, &other]).await, 2);

    line.cut();
    assert_eq!(allowed_in_turn([&one, &other]).await, 4, "each allows two");
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
    assert_eq!(allowed_in_turn([&one, &other]).await, 2);
}
