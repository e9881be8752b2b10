use serde_json::json;

use super::{Feed, Scene};
use crate::client::PASSWORD;

async fn refused(scene: &Scene, stream: &str, access: &str, after: Option<u64>) -> (u16, String) {
    let Err((status, body)) = Feed::open(scene.server.url(), stream, access, after).await else {
        panic!("it was opened");
    };
    (status, body["error_code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_see_a_stream_is_not_told_that_it_is_there() {
    let scene = Scene::new(&[]).await;
    scene.client.register("other@example.com").await.expect(201);
    let other = scene.client.login("other@example.com", PASSWORD).await.tokens();
    let not_found = (404, "STREAM_3101".to_owned());
    assert_eq!(refused(&scene, &scene.stream, &other.access, None).await, not_found);
    let nobodys = "01890000-0000-7000-8000-000000000000";
    assert_eq!(refused(&scene, nobodys, &other.access, None).await, not_found);
    assert_eq!(refused(&scene, &scene.stream, "none", None).await, (401, "USER_1006".to_owned()));
    let admin = scene.client.admin(&scene.server, "root@example.com").await;
    let mut feed =
        Feed::open(scene.server.url(), &scene.stream, &admin.access, Some(0)).await.expect("it opens");
    assert_eq!(feed.next().await.expect("an event").id, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_event_that_there_is_not_is_refused() {
    let scene = Scene::new(&[]).await;
    let newest = scene.version().await;
    let invalid = (400, "COMMON_9001".to_owned());
    assert_eq!(refused(&scene, &scene.stream, &scene.tokens.access, Some(newest + 1)).await, invalid);
    let path = format!("/stream/live/{}", scene.stream);
    let request = scene.client.request(reqwest::Method::GET, &path).bearer_auth(&scene.tokens.access);
    scene.client.send(request.header("Last-Event-ID", "seven")).await.expect_error(400, "COMMON_9001");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_keeps_no_more_feeds_than_it_may_and_others_are_not_kept_from_theirs() {
    let scene = Scene::new(&[("LIVE_FEEDS_PER_USER", "2")]).await;
    let mut first = scene.feed(Some(0)).await;
    let _second = scene.feed(None).await;
    let refused = refused(&scene, &scene.stream, &scene.tokens.access, None).await;
    assert_eq!(refused, (429, "COMMON_9002".to_owned()));
    first.next().await.expect("those that are open go on");
    let admin = scene.client.admin(&scene.server, "root@example.com").await;
    Feed::open(scene.server.url(), &scene.stream, &admin.access, None)
        .await
        .expect("another account's opens");
    drop(first);
    // The connection is noticed to be gone when something is sent on it.
    scene.client.put("/users/me", &scene.tokens.access, &json!({"region": "North"})).await.expect(200);
    super::metric(&scene.server, "live_feeds_open", 1).await;
    scene.feed(None).await;
}
