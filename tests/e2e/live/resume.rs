//! Readers come and go, writers race, and nothing is missed or told twice.

use std::time::Duration;

use super::{Feed, Scene, act};
use crate::client::Client;

const WRITERS: u64 = 4;
const EVENTS_EACH: u64 = 25;
const READERS: u64 = 6;

/// Reads so many events, on a connection that breaks after a few of them, again and again.
async fn read_on(url: String, stream: String, access: String, reader: u64, last: u64) -> Vec<u64> {
    let mut seen = Vec::new();
    let mut turn = reader;
    while seen.last() != Some(&last) {
        let after = seen.last().copied().unwrap_or(0);
        let mut feed = Feed::open(&url, &stream, &access, Some(after)).await.expect("it opens");
        // Few at a time and different for each reader, so that they come back at all kinds of moments.
        turn += 1;
        let stay = 1 + (turn * 7 + reader * 3) % 11;
        for _ in 0..stay {
            seen.push(feed.next().await.expect("an event").id);
            if seen.last() == Some(&last) {
                break;
            }
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_come_and_go_among_racing_writers_see_each_event_once_and_in_order() {
    let scene = Scene::new(&[("MAX_SESSIONS_PER_USER", "50"), ("LIVE_FEEDS_PER_USER", "100")]).await;
    let last = scene.version().await + WRITERS * EVENTS_EACH;
    let readers: Vec<_> = (0..READERS)
        .map(|reader| {
            let url = scene.server.url().to_owned();
            tokio::spawn(read_on(url, scene.stream.clone(), scene.tokens.access.clone(), reader, last))
        })
        .collect();
    let writers = (0..WRITERS).map(|writer| {
        let (client, tokens) = (Client::of(&scene.server), scene.tokens.clone());
        tokio::spawn(async move {
            for number in 0..EVENTS_EACH {
                write(&client, &tokens, writer * 1_000 + number).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no panic");
    }
    for reader in readers {
        assert_eq!(reader.await.expect("no panic"), (1..=last).collect::<Vec<_>>());
    }
}

/// Writes one event, however often somebody else is first.
async fn write(client: &Client, tokens: &crate::client::Tokens, number: u64) {
    let change = serde_json::json!({"region": format!("Region {number}")});
    for _ in 0..100 {
        let answer = client.put("/users/me", &tokens.access, &change).await;
        if answer.status == 200 {
            return;
        }
        assert_eq!(answer.status, 503, "{:#}", answer.body);
    }
    panic!("a hundred times somebody else was first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_each_event_once_and_in_order_though_the_service_is_killed_in_between() {
    let mut scene = Scene::new(&[]).await;
    let mut seen = Vec::new();
    for round in 0..3 {
        let mut feed = scene.feed(seen.last().copied().or(Some(0))).await;
        for number in 0..5 {
            scene.act(round * 10 + number).await;
        }
        // Some were read before the end, others were not.
        for _ in 0..3 {
            seen.push(feed.next().await.expect("an event").id);
        }
        scene.server.kill();
        while let Some(event) = feed.next().await {
            seen.push(event.id);
        }
        scene.server.restart();
        scene.client = Client::of(&scene.server);
        // One that happens while nobody reads.
        act(&scene.client, &scene.tokens, round * 10 + 9).await;
    }
    let newest = scene.version().await;
    let mut feed = scene.feed(seen.last().copied()).await;
    while seen.last() != Some(&newest) {
        seen.push(feed.next().await.expect("an event").id);
    }
    assert_eq!(seen, (1..=newest).collect::<Vec<_>>());
    // Nothing comes after that.
    let more = tokio::time::timeout(Duration::from_millis(500), feed.next_at_last()).await;
    assert!(more.is_err(), "{more:?}");
}
