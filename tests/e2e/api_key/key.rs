use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::{KEY, Place, introspect, names, text};
use crate::{client::PASSWORD, metrics::Scrape, server::PATIENCE};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_and_listed_without_what_opens_it() {
    let place = Place::start().await;
    let jane = place.person("jane@example.com").await;
    let made = jane.key(&["reports"]).await;
    assert_eq!(names(&made), ["api_key", "expires_at", "features", "id", "name", "owner", "prefix"]);
    let key = text(&made["api_key"]);
    let prefix = text(&made["prefix"]);
    assert!(key.starts_with(&format!("pck_{prefix}_")) && key.len() == 55, "{key}");
    assert_eq!(made["owner"], json!({"kind": "user", "id": jane.id}));

    let keys = jane.keys().await;
    assert_eq!(
        names(&keys[0]),
        ["created_at", "expires_at", "features", "id", "last_used_at", "name", "owner", "prefix"]
    );
    assert_eq!((&keys[0]["prefix"], &keys[0]["last_used_at"]), (&made["prefix"], &Value::Null));
    assert!(!keys[0].to_string().contains(&key[17..]));
    assert!(!place.server.log().contains(&key[17..]));
    let copy = place.client.get("/users/me/export", &jane.tokens.access).await;
    assert_eq!(copy.expect(200)["api_keys"][0]["prefix"], made["prefix"]);
    assert!(!copy.body.to_string().contains(&key[17..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request_for_a_key_is_said_field_by_field() {
    let place = Place::start_with(&[("MAX_API_KEYS_PER_OWNER", "2")]).await;
    let jane = place.person("jane@example.com").await;
    for (body, field) in [
        (json!({"name": ""}), "name"),
        (json!({}), "name"),
        (json!({"name": "ci", "features": ["no good"]}), "features"),
        (json!({"name": "ci", "features": "reports"}), "features"),
        (json!({"name": "ci", "expires_in": 0}), "expires_in"),
        (json!({"name": "ci", "owner": "king"}), "owner"),
        (json!({"name": "ci", "scope": "all"}), "scope"),
    ] {
        let refused = jane.generate(&body).await;
        let fields = &refused.expect_error(400, "COMMON_9001").body["details"]["fields"];
        assert_eq!(names(fields), [field], "{body}");
    }
    jane.generate(&json!({"name": "ci", "owner": "company"})).await.expect_error(404, "COMPANY_2101");
    for _ in 0..2 {
        jane.key(&[]).await;
    }
    let refused = jane.generate(&json!({"name": "ci"})).await;
    assert_eq!(refused.expect_error(409, "COMMON_9001").body["details"]["reason"], "too_many_api_keys");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_keys_old_secret_is_good_for_the_overlap_and_no_longer() {
    let place = Place::start_with(&[("API_KEY_ROTATION_OVERLAP_SECONDS", "3")]).await;
    let jane = place.person("jane@example.com").await;
    let old = jane.key(&["reports"]).await;
    let new = jane.rotate(&old["id"]).await.expect(200).clone();
    assert_eq!((&new["id"], &new["prefix"]), (&old["id"], &old["prefix"]));
    assert_ne!(new["api_key"], old["api_key"]);
    let is_good = async |key: &Value| {
        let answer = introspect(&place.client, &key["api_key"], "none").await;
        match answer.status {
            200 => true,
            _ => answer.expect_error(401, "KEY_4102").status == 200,
        }
    };
    assert!(is_good(&new).await);
    let deadline = Instant::now() + PATIENCE;
    while is_good(&old).await {
        assert!(Instant::now() < deadline, "the old secret is good for ever");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(is_good(&new).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_ended_is_good_for_nothing_and_so_is_a_typo() {
    let place = Place::start().await;
    let jane = place.person("jane@example.com").await;
    let bob = place.person("bob@example.com").await;
    let made = jane.key(&["reports"]).await;
    bob.revoke(&made["id"]).await.expect_error(404, "KEY_4101");
    bob.rotate(&made["id"]).await.expect_error(404, "KEY_4101");
    let mut typo = text(&made["api_key"]);
    let last = if typo.pop() == Some('a') { 'b' } else { 'a' };
    typo.push(last);
    for wrong in [typo, "pck_".to_owned(), "x".to_owned(), String::new()] {
        let refused = introspect(&place.client, &wrong.into(), "none").await;
        assert_eq!(refused.expect_error(401, "KEY_4102").body["details"], json!({"reason": "mistyped"}));
    }
    introspect(&place.client, &made["api_key"], "none").await.expect(200);
    jane.revoke(&made["id"]).await.expect(200);
    let revoked = introspect(&place.client, &made["api_key"], "none").await;
    assert_eq!(revoked.expect_error(401, "KEY_4102").body["details"], json!({}), "no typo");
    jane.revoke(&made["id"]).await.expect_error(404, "KEY_4101");
    assert!(jane.keys().await.is_empty());
    let scrape = Scrape::of(&place.server).await;
    for (outcome, count) in [("mistyped", 4.0), ("unknown", 1.0), ("accepted", 1.0)] {
        let series = format!("api_key_uses_total{{outcome=\"{outcome}\"}}");
        assert_eq!(scrape.find(&series), Some(count), "{outcome}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_runs_out() {
    let place = Place::start().await;
    let jane = place.person("jane@example.com").await;
    let made = jane.generate(&json!({"name": "ci", "expires_in": 1})).await.expect(201).clone();
    let deadline = Instant::now() + PATIENCE;
    while introspect(&place.client, &made["api_key"], "none").await.status == 200 {
        assert!(Instant::now() < deadline, "it is good for ever");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    introspect(&place.client, &made["api_key"], "none").await.expect_error(401, "KEY_4102");
    jane.rotate(&made["id"]).await.expect_error(404, "KEY_4101");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_alone_opens_no_other_route() {
    let place = Place::start().await;
    let jane = place.person("jane@example.com").await;
    let key = jane.key(&["reports"]).await;
    for (method, path) in [
        (Method::GET, "/users/me"),
        (Method::GET, "/api_key"),
        (Method::GET, "/feature"),
        (Method::POST, "/feature/access/reports"),
        (Method::POST, "/auth/logout"),
    ] {
        let request = place.client.request(method, path).header(KEY, text(&key["api_key"]));
        place.client.send(request).await.expect_error(401, "USER_1006");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_end_with_what_their_owner_was() {
    let place = Place::start().await;
    let is_good = async |key: &Value| introspect(&place.client, &key["api_key"], "none").await.status == 200;

    let jane = place.person("jane@example.com").await;
    let key = jane.key(&[]).await;
    let path = format!("/users/{}/deactivate", jane.id);
    place.client.act(&path, &place.root.access, &json!({})).await.expect(200);
    assert!(!is_good(&key).await, "deactivated");

    let bob = place.person("bob@example.com").await;
    let key = bob.key(&[]).await;
    let erased = place.client.request(Method::DELETE, "/users/me").bearer_auth(&bob.tokens.access);
    place.client.send(erased.json(&json!({"password": PASSWORD}))).await.expect(200);
    assert!(!is_good(&key).await, "erased");

    let eve = place.person("eve@example.com").await;
    let key = eve.key(&[]).await;
    place.client.post("/auth/password/forgot", &json!({"email": "eve@example.com"})).await.expect(202);
    let token = place.server.mailed_token("eve@example.com");
    let body = json!({"token": token, "new_password": "N3w-lantern!"});
    place.client.post("/auth/password/reset", &body).await.expect(200);
    assert!(!is_good(&key).await, "whoever made it before the reset may be somebody else");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_companys_keys_are_dealt_with_by_those_who_manage_it() {
    let place = Place::start().await;
    let (owner, company) = place.owner("owner@example.com").await;
    let stranger = place.person("jane@example.com").await;
    let made = owner.generate(&json!({"name": "ours", "owner": "company"})).await.expect(201).clone();
    assert_eq!(made["owner"], json!({"kind": "company", "id": company}));
    assert_eq!(owner.keys().await.len(), 1);
    assert!(stranger.keys().await.is_empty());
    stranger.revoke(&made["id"]).await.expect_error(404, "KEY_4101");
    owner.rotate(&made["id"]).await.expect(200);
    owner.revoke(&made["id"]).await.expect(200);
    assert!(owner.keys().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_listed_page_by_page_and_show_when_they_were_used() {
    let place = Place::start().await;
    let jane = place.person("jane@example.com").await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.insert(0, jane.key(&[]).await["id"].clone());
    }
    let mut found = Vec::new();
    let mut path = "/api_key?limit=2".to_owned();
    loop {
        let page = place.client.get(&path, &jane.tokens.access).await;
        found.extend(
            page.expect(200)["items"].as_array().expect("a list").iter().map(|key| key["id"].clone()),
        );
        match page.body["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api_key?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(found, made);
    let key = jane.key(&[]).await;
    introspect(&place.client, &key["api_key"], "none").await.expect(200);
    let deadline = Instant::now() + PATIENCE;
    while jane.keys().await[0]["last_used_at"].is_null() {
        assert!(Instant::now() < deadline, "its use is not noted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
