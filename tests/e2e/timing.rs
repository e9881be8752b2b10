//! What the time an answer takes gives away: nothing about who has an account. With the real cost of a hash.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{
    client::{Client, PASSWORD},
    server::Server,
};

const REAL_HASHES: [(&str, &str); 3] =
    [("SCRYPT_LOG_N", "15"), ("SCRYPT_P", "3"), ("REQUEST_TIMEOUT_SECONDS", "60")];
const WRONG: &str = "Tr4vel-heavy";

/// One way to be refused.
struct Guess {
    email: &'static str,
    password: String,
    taken: Vec<Duration>,
}

impl Guess {
    fn new(email: &'static str, password: impl Into<String>) -> Self {
        Self { email, password: password.into(), taken: Vec::new() }
    }

    /// Tries it once, and returns what an answer says beside when it was and to which request.
    async fn try_once(&mut self, client: &Client) -> (u16, Vec<String>, Value) {
        let started = Instant::now();
        let answer = client.login(self.email, &self.password).await;
        self.taken.push(started.elapsed());
        answer.expect_error(401, "USER_1001");
        let headers = answer.headers.keys().map(ToString::to_string).collect();
        let mut body = answer.body;
        for differs in ["timestamp", "request_id"] {
            assert!(body.as_object_mut().expect("an object").remove(differs).is_some());
        }
        (answer.status, headers, body)
    }

    fn median(&self) -> Duration {
        let mut taken = self.taken.clone();
        taken.sort_unstable();
        taken[taken.len() / 2]
    }
}

/// Tries both in turn, which goes first as if by chance, until their medians are this close. More tries than asked for are only
/// made on a machine too busy to tell: what differs really goes on to differ.
async fn look_alike(client: &Client, one: &mut Guess, other: &mut Guess, tries: usize, percent: u32) {
    for round in 1..=3 {
        for number in 0..tries {
            // The parity of a number's bits has no rhythm that something else on the machine could share.
            let (first, second) = if (number * round).count_ones() % 2 == 0 {
                (&mut *one, &mut *other)
            } else {
                (&mut *other, &mut *one)
            };
            assert_eq!(first.try_once(client).await, second.try_once(client).await);
        }
        let (one, other) = (one.median(), other.median());
        if one.abs_diff(other) * 100 <= one.max(other) * percent {
            return;
        }
    }
    panic!("{:?} for one, {:?} for the other", one.median(), other.median());
}

async fn service_with_an_account() -> (Server, Client) {
    let server = Server::start_with(&REAL_HASHES);
    let client = Client::of(&server);
    client.signed_in(&server, "jane@example.com").await;
    (server, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_account_is_refused_like_a_wrong_password_and_as_slowly() {
    let (_server, client) = service_with_an_account().await;
    let mut known = Guess::new("jane@example.com", WRONG);
    let mut unknown = Guess::new("nobody@example.com", WRONG);
    look_alike(&client, &mut known, &mut unknown, 50, 10).await;
    // Neither is right by accident, and the account is none the worse for it.
    client.login("jane@example.com", PASSWORD).await.expect(200);
}

/// Nor does the time until an account is locked, what is answered then, or how fast.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_account_is_locked_like_any_other_and_refused_as_fast() {
    let server = Server::start_with(&[&REAL_HASHES[..], &[("MAX_LOGIN_ATTEMPTS", "5")]].concat());
    let client = Client::of(&server);
    client.signed_in(&server, "jane@example.com").await;
    let nobody = format!("nobody.{}@example.com", std::process::id());
    let mut taken = [Vec::new(), Vec::new()];
    for (email, taken) in ["jane@example.com", &nobody].into_iter().zip(&mut taken) {
        for _ in 0..5 {
            client.login(email, WRONG).await.expect_error(401, "USER_1001");
        }
        for _ in 0..50 {
            let started = Instant::now();
            client.login(email, PASSWORD).await.expect_error(423, "USER_1003");
            taken.push(started.elapsed());
        }
        taken.sort_unstable();
    }
    // No password is checked, so this is about nothing but the way there and back.
    let [known, unknown] = taken.map(|taken| taken[taken.len() / 2]);
    assert!(known.abs_diff(unknown) < Duration::from_millis(10), "{known:?} and {unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_too_long_tells_nothing_either() {
    let (_server, client) = service_with_an_account().await;
    let long = "Tr4vel-light".repeat(20);
    let mut known = Guess::new("jane@example.com", long.clone());
    let mut unknown = Guess::new("nobody@example.com", long);
    look_alike(&client, &mut known, &mut unknown, 8, 25).await;
    let mut ordinary = Guess::new("jane@example.com", WRONG);
    look_alike(&client, &mut known, &mut ordinary, 8, 25).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_none_is_refused_like_any_other() {
    let (_server, client) = service_with_an_account().await;
    let mut known = Guess::new("jane@example.com", WRONG);
    let mut none = Guess::new("no address", WRONG);
    look_alike(&client, &mut known, &mut none, 8, 25).await;
    assert!(known.median() > Duration::from_millis(20), "no hash is made: {:?}", known.median());
}
