//! A feed is no longer than the right to it.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Feed, Scene, metric};
use crate::client::PASSWORD;

/// A few seconds, and what a busy machine adds.
const SOON: Duration = Duration::from_secs(20);

async fn ends(feed: &mut Feed) {
    let begun = Instant::now();
    feed.drain().await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_ends_when_its_session_does_and_that_of_another_session_goes_on() {
    let scene = Scene::new(&[]).await;
    let other = scene.client.login(super::EMAIL, PASSWORD).await.tokens();
    let mut feed = scene.feed(None).await;
    let mut others =
        Feed::open(scene.server.url(), &scene.stream, &other.access, None).await.expect("it opens");
    scene.client.logout(&scene.tokens.access).await.expect(200);
    ends(&mut feed).await;
    metric(&scene.server, r#"live_feeds_ended_total{reason="refused"}"#, 1).await;
    assert_eq!(others.next().await.expect("an event").data["type"], "user.logged_out");
    super::act(&scene.client, &other, 1).await;
    assert_eq!(others.next().await.expect("it goes on").data["type"], "user.updated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_ends_with_the_deactivation_of_its_account() {
    let scene = Scene::new(&[]).await;
    let admin = scene.client.admin(&scene.server, "root@example.com").await;
    let mut feed = scene.feed(None).await;
    let path = format!("/users/{}/deactivate", scene.stream);
    scene.client.act(&path, &admin.access, &json!({})).await.expect(200);
    ends(&mut feed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_of_anothers_stream_ends_when_its_reader_may_not_see_it_any_more() {
    let scene = Scene::new(&[]).await;
    let admin = scene.client.admin(&scene.server, "root@example.com").await;
    let body = json!({"email": "mod@example.com", "password": PASSWORD, "name": "Moe Derator", "role": "moderator", "is_verified": true});
    let made = scene.client.act("/admin/users", &admin.access, &body).await;
    let id = made.expect(201)["id"].as_str().expect("an id").to_owned();
    let moderator = scene.client.login("mod@example.com", PASSWORD).await.tokens();
    let mut feed =
        Feed::open(scene.server.url(), &scene.stream, &moderator.access, None).await.expect("it opens");
    let role = json!({"role": "user"});
    scene.client.put(&format!("/users/{id}/role"), &admin.access, &role).await.expect(200);
    ends(&mut feed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_every_feed_and_waits_for_none() {
    let mut scene = Scene::new(&[("SHUTDOWN_GRACE_SECONDS", "600")]).await;
    let mut feeds = [scene.feed(None).await, scene.feed(Some(0)).await];
    let begun = Instant::now();
    let stopped = tokio::task::block_in_place(|| scene.server.stop());
    assert!(stopped.success() && begun.elapsed() < SOON, "{:?}", begun.elapsed());
    for feed in &mut feeds {
        feed.drain().await;
    }
}
