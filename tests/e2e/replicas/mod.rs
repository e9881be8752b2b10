//! Several services on one PostgreSQL, Redis and RabbitMQ: to their users they are one.

mod administration;
mod api_key;
mod broker;
mod key;
mod limit;
mod line;
mod live;
mod lockout;
mod metrics;
mod refusal;
mod schema;
mod session;
mod start;
mod subscription;

use std::{
    future::Future,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    client::{Client, PASSWORD, Tokens},
    server::{PATIENCE, Server},
    stack::{Delivery, Place},
};

const EMAIL: &str = "jane@example.com";
const MASTER_KEY: (&str, &str) = ("MASTER_KEY", "cmVwbGljYXMgc2hhcmUgdGhpcyBvbmUga2V5ISEhISE=");
const UNVERIFIED: (&str, &str) = ("ENABLE_EMAIL_VERIFICATION", "false");

/// Services that share everything but their folders.
struct Replicas {
    // Before their place, which is swept up when they are gone.
    servers: Vec<Server>,
    place: Place,
}

impl Replicas {
    /// Starts all of them at one moment, with these settings besides.
    fn start(count: usize, settings: &[(&str, &str)]) -> Self {
        let place = Place::new();
        let shared = place.settings();
        let shared = shared.iter().map(|(name, value)| (*name, value.as_str()));
        let all: Vec<_> = shared.chain([MASTER_KEY]).chain(settings.iter().copied()).collect();
        let servers = std::thread::scope(|scope| {
            let starting: Vec<_> = (0..count).map(|_| scope.spawn(|| Server::start_on(&all))).collect();
            starting.into_iter().map(|server| server.join().expect("it starts")).collect()
        });
        Self { servers, place }
    }

    fn clients(&self) -> Vec<Client> {
        self.servers.iter().map(Client::of).collect()
    }

    /// The first two.
    fn pair(&self) -> (Client, Client) {
        (Client::of(&self.servers[0]), Client::of(&self.servers[1]))
    }

    /// The code mailed to an address, by whichever of them mails.
    async fn mailed_code(&self, email: &str) -> String {
        eventually("a code is mailed", || async {
            self.servers.iter().find_map(|server| server.find_code(email))
        })
        .await
    }

    /// What a command prints beside the first of them.
    #[track_caller]
    fn printed(&self, arguments: &[&str]) -> String {
        let output = self.servers[0].command(arguments).output().expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        assert!(output.status.success(), "{arguments:?}: {}", text(output.stderr));
        text(output.stdout)
    }

    /// The columns of a subscription's line in the list: name, position, lag, holder, dead letters and the last error.
    fn subscription(&self, name: &str) -> Vec<String> {
        let list = self.printed(&["subscriptions", "list"]);
        let line = list.lines().find(|line| line.split_whitespace().next() == Some(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in:\n{list}"));
        line.split_whitespace().map(str::to_owned).collect()
    }

    /// Every event of the store, as a message of it is delivered, in the order of the feed.
    async fn events(&self) -> Vec<Delivery> {
        let rows = "SELECT id, type, stream_id, version FROM events ORDER BY transaction_id, position";
        let rows = self.place.query(rows).await.into_iter().map(|row| {
            let [id, event_type, stream, version] = <[String; 4]>::try_from(row).expect("four columns");
            Delivery { id, event_type, stream, version: version.parse().expect("a number") }
        });
        rows.collect()
    }

    /// Waits until as many different messages were delivered, beside these.
    async fn delivered(&self, count: usize, mut seen: Vec<Delivery>) -> Vec<Delivery> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for delivery in self.place.deliveries().await {
                if !seen.iter().any(|before| before.id == delivery.id) {
                    seen.push(delivery);
                }
            }
            if seen.len() >= count {
                return seen;
            }
            assert!(Instant::now() < deadline, "{} of {count} messages: {seen:#?}", seen.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Registers and signs in somebody who need not be verified.
async fn sign_in(client: &Client, email: &str) -> Tokens {
    client.register(email).await.expect(201);
    client.login(email, PASSWORD).await.tokens()
}

/// What readiness says of the whole, and with which status.
async fn readiness(client: &Client) -> (u16, Value) {
    let answer = client.get("/auth/health", "").await;
    (answer.status, answer.body["status"].clone())
}

fn ready(status: &str) -> (u16, Value) {
    (200, json!(status))
}

/// Asks again until there is an answer.
async fn eventually<T, F>(what: &str, ask: impl Fn() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
