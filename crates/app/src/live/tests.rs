use futures::StreamExt;
use portcullis_domain::{
    Policy,
    caller::Origin,
    session::SignIn,
    user::{Patch, ProfileUpdate, Register, RegisterInput},
    value::{Language, Password},
};
use portcullis_memory::Memory;
use tokio::task::JoinHandle;

use super::*;
use crate::metric::Metrics;

const PATIENCE: Duration = Duration::from_secs(30);
const EMAIL: &str = "jane@example.com";
const PASSWORD: &str = "Tr4vel-light";

/// A hub that follows a store, and somebody who is signed in.
struct World {
    identity: Identity,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    caller: Caller,
    stream: StreamId,
    _following: JoinHandle<()>,
}

fn render(event: &Event) -> Bytes {
    event.version.to_string().into()
}

impl World {
    async fn new(change: impl FnOnce(&mut Limits)) -> Self {
        let memory = Arc::new(Memory::new());
        let policy = Policy { email_verification: false, ..Policy::default() };
        let identity = Identity::new(memory.ports(), policy);
        let (caller, stream) = signed_in(&identity).await;
        let mut limits = Limits::new(10, 10);
        change(&mut limits);
        let metrics = Metrics::new();
        let hub = Hub::new(identity.clone(), render, limits, metrics.live.clone());
        let following = tokio::spawn(Arc::clone(&hub).follow(memory));
        Self { identity, hub, metrics, caller, stream, _following: following }
    }

    /// Opens a feed from the beginning, as the texts that it sends.
    fn open(&self) -> impl futures::Stream<Item = String> + Unpin + use<> {
        let feed = self.hub.open(self.caller.clone(), self.stream, 0).expect("a seat");
        Box::pin(feed.into_stream().map(|text| String::from_utf8(text.to_vec()).expect("text")))
    }

    async fn act(&self, number: u32) {
        let region = Patch::Set(format!("Region {number}"));
        let update = ProfileUpdate { region, ..ProfileUpdate::default() };
        self.identity.update_profile(&self.caller, &update, &Origin::default()).await.expect("updates");
    }

    fn has_counted(&self, line: &str) -> bool {
        self.metrics.text().lines().any(|found| found == line)
    }
}

async fn signed_in(identity: &Identity) -> (Caller, StreamId) {
    let input = RegisterInput {
        email: EMAIL.to_owned(),
        password: Password::new(PASSWORD),
        name: "Jane Doe".to_owned(),
        username: None,
        phone: None,
        business_type: None,
        business_number: None,
        industry: None,
        region: None,
        language: Language::En,
    };
    let origin = Origin::default();
    let account =
        identity.register(Register::parse(input).expect("valid"), &origin).await.expect("registers");
    let command = SignIn::parse(Some(EMAIL.to_owned()), None, Password::new(PASSWORD)).expect("valid");
    let tokens = identity.sign_in(command, &origin).await.expect("signs in");
    let caller = identity.authenticate(&tokens.access).await.expect("authenticates");
    (caller, account.user.stream())
}

async fn next(feed: &mut (impl futures::Stream<Item = String> + Unpin)) -> Option<String> {
    time::timeout(PATIENCE, feed.next()).await.expect("in time")
}

/// The versions up to one, and that they come once and in order.
async fn expect_through(feed: &mut (impl futures::Stream<Item = String> + Unpin), from: u32, last: u32) {
    for version in from..=last {
        assert_eq!(next(feed).await, Some(version.to_string()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_place_in_the_queue_is_read_from_the_store() {
    let world = World::new(|limits| (limits.queue, limits.page) = (4, 3)).await;
    let mut feed = world.open();
    assert!(next(&mut feed).await.expect("a greeting").starts_with("retry: "));
    expect_through(&mut feed, 1, 2).await;
    for number in 0..50 {
        world.act(number).await;
    }
    expect_through(&mut feed, 3, 52).await;
    world.act(50).await;
    expect_through(&mut feed, 53, 53).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_and_a_reader_at_once_meet_without_a_gap_or_a_repeat() {
    let world = Arc::new(World::new(|limits| (limits.queue, limits.page) = (2, 2)).await);
    let mut feed = world.open();
    next(&mut feed).await;
    let writer = Arc::clone(&world);
    let writing = tokio::spawn(async move {
        for number in 0..200 {
            writer.act(number).await;
        }
    });
    expect_through(&mut feed, 1, 202).await;
    writing.await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stays_behind_is_cut_off() {
    let settings = |limits: &mut Limits| {
        (limits.queue, limits.page, limits.patience) = (4, 2, Duration::from_millis(100));
    };
    let world = World::new(settings).await;
    let mut feed = world.open();
    for _ in 0..3 {
        next(&mut feed).await.expect("the greeting and what was");
    }
    // Polled once more, or it would still read what was.
    world.act(0).await;
    assert_eq!(next(&mut feed).await.as_deref(), Some("3"));
    for number in 1..100 {
        world.act(number).await;
    }
    let mut given = 0;
    while next(&mut feed).await.is_some() {
        given += 1;
        time::sleep(Duration::from_millis(20)).await;
    }
    assert!(given < 50, "{given}");
    drop(feed);
    assert!(world.has_counted(r#"live_feeds_ended_total{reason="slow"} 1"#), "{}", world.metrics.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_feed_gives_signs_of_life_and_ends_when_the_hub_does() {
    let world = World::new(|limits| limits.heartbeat = Duration::from_millis(50)).await;
    let mut feed = world.open();
    for _ in 0..3 {
        next(&mut feed).await;
    }
    assert_eq!(next(&mut feed).await.as_deref(), Some(":\n\n"));
    assert!(world.has_counted("live_feeds_open 1"));
    world.hub.close();
    while let Some(text) = next(&mut feed).await {
        assert_eq!(text, ":\n\n");
    }
    drop(feed);
    assert!(world.has_counted("live_feeds_open 0"));
    assert!(world.has_counted(r#"live_feeds_ended_total{reason="stopped"} 1"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_ends_with_its_session() {
    let world = World::new(|limits| limits.check = Duration::from_millis(50)).await;
    let mut feed = world.open();
    expect_through_greeting(&mut feed).await;
    world.identity.sign_out(&world.caller, false, &Origin::default()).await.expect("signs out");
    while next(&mut feed).await.is_some() {}
    drop(feed);
    assert!(world.has_counted(r#"live_feeds_ended_total{reason="refused"} 1"#));
}

async fn expect_through_greeting(feed: &mut (impl futures::Stream<Item = String> + Unpin)) {
    next(feed).await.expect("a greeting");
    expect_through(feed, 1, 2).await;
}
