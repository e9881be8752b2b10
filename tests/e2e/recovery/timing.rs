//! What the time an answer takes gives away: nothing about who has an account.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{client::Client, server::Server};

const ROUNDS: usize = 15;

/// The medians of asking this of somebody with an account, each time another one, and of nobody.
async fn medians(client: &Client, path: &str, body: impl Fn(&str) -> Value) -> (Duration, Duration) {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        for (who, taken) in [("jane", &mut known), ("nobody", &mut unknown)] {
            let started = Instant::now();
            let answer = client.post(path, &body(&format!("{who}{round}@example.com"))).await;
            assert!([202, 400].contains(&answer.status), "{:#}", answer.body);
            taken.push(started.elapsed());
        }
    }
    known.sort_unstable();
    unknown.sort_unstable();
    (known[ROUNDS / 2], unknown[ROUNDS / 2])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_an_account_is_answered_no_sooner_and_no_later_than_one_without() {
    let server = Server::start_with(&[("ENABLE_EMAIL_VERIFICATION", "false")]);
    let client = Client::of(&server);
    for round in 0..ROUNDS {
        client.register(&format!("jane{round}@example.com")).await.expect(201);
    }
    for path in ["/auth/password/forgot", "/auth/verify-email/resend", "/auth/verify-email"] {
        let (known, unknown) = medians(&client, path, |email| match path {
            "/auth/verify-email" => json!({"email": email, "code": "000000"}),
            _ => json!({"email": email}),
        })
        .await;
        assert!(
            known.abs_diff(unknown) * 100 <= known.max(unknown) * 10,
            "{path}: {known:?} and {unknown:?}"
        );
        assert!(unknown >= Duration::from_millis(300), "{path}: {unknown:?}");
    }
}
