//! A lock is everybody's: whoever guesses on one replica is refused by the others, and an outage of Redis is no way around it.

use super::{EMAIL, Replicas, UNVERIFIED, eventually, line::Line, readiness, ready, sign_in};
use crate::{
    client::{Client, PASSWORD},
    limits::PROXIED,
    lockout::{LOCKING, locked_for},
    stack,
};

const WRONG: &str = "Tr4vel-heavy";

/// How many wrong passwords of twenty, tried in turn on each of them, are answered as such.
async fn answered_in_turn(clients: [&Client; 2]) -> usize {
    let mut answered = 0;
    for number in 0..20 {
        let answer = clients[number % 2].login(EMAIL, WRONG).await;
        match answer.status {
            401 => answered += 1,
            _ => drop(locked_for(&answer)),
        }
    }
    answered
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_on_one_holds_on_the_other_and_while_redis_is_away_each_locks_for_itself() {
    let line = Line::to(&stack::redis(), 6379).await;
    let replicas = Replicas::start(2, &[UNVERIFIED, LOCKING, PROXIED, ("REDIS_URL", line.url())]);
    let (one, other) = replicas.pair();
    let home = other.at_address("198.51.100.1");
    sign_in(&home, EMAIL).await;
    let [one, other] = [&one, &other].map(|client| client.at_address("203.0.113.7"));
    assert_eq!(answered_in_turn([&one, &other]).await, 5);
    for client in [&one, &other] {
        locked_for(&client.login(EMAIL, PASSWORD).await);
    }
    home.login(EMAIL, PASSWORD).await.expect(200);

    line.cut();
    let elsewhere = [&one, &other].map(|client| client.at_address("203.0.112.7"));
    let answered = answered_in_turn([&elsewhere[0], &elsewhere[1]]).await;
    assert_eq!(answered, 10, "each of them allows five");
    home.login(EMAIL, PASSWORD).await.expect(200);

    line.mend();
    for client in [&one, &other] {
        eventually("it is up", || async { (readiness(client).await == ready("up")).then_some(()) }).await;
    }
    for client in [&one, &other] {
        locked_for(&client.login(EMAIL, PASSWORD).await);
    }
}
