//! Live feeds: what a reader gets, and what becomes of one that may not, cannot or does not read.

mod access;
mod crowd;
mod end;
mod feed;
mod resume;
mod slow;

use std::time::Duration;

use serde_json::json;

pub(crate) use self::feed::Feed;
use crate::{
    client::{self, Client, Tokens},
    server::{PATIENCE, Server},
};

const EMAIL: &str = "jane@example.com";
const UNVERIFIED: (&str, &str) = ("ENABLE_EMAIL_VERIFICATION", "false");
const UNLIMITED: (&str, &str) = ("RATE_LIMIT_ENABLED", "false");

/// A service, and somebody on it whose stream is followed.
struct Scene {
    server: Server,
    client: Client,
    stream: String,
    tokens: Tokens,
}

impl Scene {
    async fn new(settings: &[(&str, &str)]) -> Self {
        let server = Server::start_with(&[&[UNVERIFIED, UNLIMITED], settings].concat());
        let client = Client::of(&server);
        let user = client.register(EMAIL).await.expect(201).clone();
        let tokens = client.login(EMAIL, crate::client::PASSWORD).await.tokens();
        let stream = user["stream_id"].as_str().expect("an id").to_owned();
        Self { server, client, stream, tokens }
    }

    async fn feed(&self, after: Option<u64>) -> Feed {
        Feed::open(self.server.url(), &self.stream, &self.tokens.access, after).await.expect("it opens")
    }

    /// Makes one event, which tells this number.
    async fn act(&self, number: u64) {
        act(&self.client, &self.tokens, number).await;
    }

    /// The stream's newest version.
    async fn version(&self) -> u64 {
        let me = self.client.get("/users/me", &self.tokens.access).await;
        me.expect(200)["stream_version"].as_u64().expect("a version")
    }
}

/// Changes something of one's own that was not so before.
async fn act(client: &Client, tokens: &Tokens, number: u64) {
    let change = json!({"region": format!("Region {number}")});
    client.put("/users/me", &tokens.access, &change).await.expect(200);
}

/// The versions of events that come next.
async fn versions(feed: &mut Feed, count: usize) -> Vec<u64> {
    let mut versions = Vec::new();
    while versions.len() < count {
        versions.push(feed.next().await.expect("an event").id);
    }
    versions
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_gives_what_was_and_then_what_happens_each_event_once_and_in_order() {
    let scene = Scene::new(&[]).await;
    let mut feed = scene.feed(Some(0)).await;
    assert_eq!(feed.content_type(), "text/event-stream");
    let created = feed.next().await.expect("an event");
    assert_eq!((created.id, created.data["type"].as_str()), (1, Some("user.created")));
    let fields: Vec<_> = created.data.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected =
        ["actor", "data", "hash", "id", "recorded_at", "schema_version", "stream_id", "type", "version"];
    assert_eq!(fields, expected);
    assert_eq!(created.data["stream_id"], json!(scene.stream));
    assert_eq!(feed.next().await.expect("an event").data["type"], "user.logged_in");
    for number in 0..5 {
        scene.act(number).await;
        let event = feed.next().await.expect("an event");
        assert_eq!((event.id, event.data["version"].as_u64()), (number + 3, Some(number + 3)));
        assert_eq!(event.data["type"], "user.updated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_last_event_a_feed_begins_with_what_happens_next() {
    let scene = Scene::new(&[]).await;
    scene.act(1).await;
    let mut feed = scene.feed(None).await;
    scene.act(2).await;
    assert_eq!(versions(&mut feed, 1).await, [4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_tells_nothing_of_anybodys_address() {
    let scene = Scene::new(&[]).await;
    let mut feed = scene.feed(Some(0)).await;
    versions(&mut feed, 2).await;
    assert!(!feed.read_so_far().contains("jane@"), "{}", feed.read_so_far());
}

/// Waits until a metric has a value.
async fn metric(server: &Server, line: &str, value: u64) {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let text = client::http().get(format!("{}/metrics", server.url())).send().await.expect("an answer");
        let text = text.text().await.expect("text");
        if text.lines().any(|found| found == format!("{line} {value}")) {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{line} is not {value}:\n{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
