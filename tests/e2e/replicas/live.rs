//! What is committed on one is seen on the other at once.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{EMAIL, Replicas, UNVERIFIED, sign_in};
use crate::live::Feed;

const EVENTS: u64 = 60;

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "the recipe's output")]
async fn what_is_committed_on_one_is_seen_live_on_the_other() {
    let replicas = Replicas::start(2, &[UNVERIFIED, ("RATE_LIMIT_ENABLED", "false")]);
    let (one, _) = replicas.pair();
    let tokens = sign_in(&one, EMAIL).await;
    let me = one.get("/users/me", &tokens.access).await;
    let stream = me.expect(200)["stream_id"].as_str().expect("an id").to_owned();
    let mut feed =
        Feed::open(replicas.servers[1].url(), &stream, &tokens.access, Some(0)).await.expect("it opens");
    for version in 1..=2 {
        assert_eq!(feed.next().await.expect("an event").id, version);
    }
    let mut latencies = Vec::new();
    for number in 0..EVENTS {
        one.put("/users/me", &tokens.access, &json!({"region": format!("Region {number}")}))
            .await
            .expect(200);
        let committed = Instant::now();
        assert_eq!(feed.next().await.expect("an event").id, number + 3);
        latencies.push(committed.elapsed());
    }
    latencies.sort_unstable();
    let (median, most) = (latencies[latencies.len() / 2], latencies[latencies.len() - 1]);
    println!(
        "from one replica's answer to a reader on the other: {median:?} at the median, {most:?} at most"
    );
    // `just live` prints the figure; here the machine may be busy with other tests.
    assert!(median < Duration::from_secs(3), "{median:?}");
}
