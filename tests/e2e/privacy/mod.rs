//! What the law gives a person: a copy of everything that is held on them, and its erasure, to the last byte.

mod embedded;
mod person;
mod scale;

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};

use self::person::{EULALIA, LAST_PASSWORD, OTTOKAR, SETTINGS};
use crate::{
    client::{Client, PASSWORD, Tokens},
    race::{at_once, clients, intact},
    server::Server,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_a_file_with_everything_on_the_person_and_nothing_on_others() {
    let server = Server::start_with(&SETTINGS);
    let client = Client::of(&server);
    let admin = client.admin(&server, "admin@example.com").await;
    let life = OTTOKAR.live(&server, &client, &admin).await;
    EULALIA.live(&server, &client, &admin).await;
    // By somebody whose address is their own business.
    let from_elsewhere = client.at_address("192.0.2.99");
    let path = format!("/users/{}/role", life.id);
    from_elsewhere.put(&path, &admin.access, &json!({"role": "moderator"})).await.expect(200);

    let access = Some(life.tokens.access.as_str());
    let answer = OTTOKAR.send(&client, Method::GET, "/users/me/export", access, None).await;
    let copy = answer.expect(200);
    let header = |name: &str| answer.headers[name].to_str().expect("a text").to_owned();
    assert_eq!(
        header("content-disposition"),
        format!("attachment; filename=\"portcullis-{}.json\"", life.id)
    );
    assert_eq!(header("content-type"), "application/json; charset=utf-8");
    assert_eq!(header("cache-control"), "no-store");
    let mut fields: Vec<_> = copy.as_object().expect("an object").keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        ["accesses", "api_keys", "events", "exported_at", "login_history", "sessions", "stream", "user"]
    );
    assert_eq!(copy["api_keys"].as_array().expect("a list").len(), 1);

    let text = copy.to_string();
    for mark in OTTOKAR.marks {
        assert!(text.contains(mark), "{mark} is not in {copy:#}");
    }
    for strange in EULALIA.marks.iter().chain(&["192.0.2.99", "admin@example.com"]) {
        assert!(!text.contains(strange), "{strange} is in {copy:#}");
    }
    assert_eq!(copy["user"]["id"], json!(life.id));
    assert_eq!(copy["sessions"].as_array().expect("a list").len(), 2);
    let looks = copy["accesses"].as_array().expect("a list").iter();
    let mut looks: Vec<_> = looks.map(|look| look["what"].as_str().expect("a text")).collect();
    looks.sort_unstable();
    assert_eq!(looks, ["listing", "profile", "profile", "sessions"]);
    let events = copy["events"].as_array().expect("a list");
    let versions: Vec<_> = events.iter().map(|event| event["version"].as_u64().expect("a number")).collect();
    assert_eq!(versions, (1..=events.len() as u64).collect::<Vec<_>>());
    assert_eq!(events[0]["personal"]["phone"], json!("+99915550177"));
    assert_eq!(events[0]["ip_address"], json!("203.0.113.177"));
    let changed = events.last().expect("events");
    assert_eq!((&changed["type"], &changed["ip_address"]), (&json!("user.role_changed"), &Value::Null));
    assert_eq!(changed["data"]["after"], json!("moderator"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_erased_is_gone_at_once_and_needed_the_password_for_it() {
    let server = Server::start_with(&SETTINGS);
    let client = Client::of(&server);
    let admin = client.admin(&server, "admin@example.com").await;
    let life = OTTOKAR.live(&server, &client, &admin).await;
    for body in
        [None, Some(json!({})), Some(json!({"password": "Wr0ng-light"})), Some(json!({"password": null}))]
    {
        OTTOKAR.erase(&client, &life, body).await.expect_error(403, "USER_1009");
    }
    let unknown_field = Some(json!({"password": PASSWORD, "reason": "none"}));
    OTTOKAR.erase(&client, &life, unknown_field).await.expect_error(400, "COMMON_9001");
    let answer = OTTOKAR.erase(&client, &life, Some(json!({"password": LAST_PASSWORD}))).await;
    assert!(answer.expect(200)["message"].is_string());

    client.get("/users/me", &life.tokens.access).await.expect_error(401, "USER_1006");
    client.refresh(&life.tokens.refresh).await.expect_error(401, "USER_1202");
    client.login(OTTOKAR.email, PASSWORD).await.expect_error(401, "USER_1001");
    let path = format!("/users/{}", life.id);
    client.get(&path, &admin.access).await.expect_error(404, "USER_1101");
    client.delete(&path, &admin.access).await.expect_error(404, "USER_1101");
    // Address and username are free.
    let account =
        json!({"email": OTTOKAR.email, "username": "quarzotto", "name": "Jane Doe", "password": PASSWORD});
    let again = client.post("/auth/register", &account).await;
    assert_ne!(again.expect(201)["id"], json!(life.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_stays_and_is_told_why() {
    let server = Server::start();
    let client = Client::of(&server);
    let admin = client.admin(&server, "admin@example.com").await;
    let me = client.get("/users/me", &admin.access).await;
    let path = format!("/users/{}", me.expect(200)["id"].as_str().expect("an id"));
    client.delete(&path, &admin.access).await.expect_error(403, "USER_1009");
    let request = client.request(Method::DELETE, "/users/me").bearer_auth(&admin.access);
    let answer = client.send(request.json(&json!({"password": PASSWORD}))).await;
    answer.expect_error(409, "COMMON_9001");
    assert_eq!(answer.body["details"]["reason"], "last_admin");
    let other = client.admin(&server, "other@example.com").await;
    client.delete(&path, &other.access).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_races_with_an_erasure_ends_with_nobody_there_and_never_with_a_500() {
    let server = Server::start();
    let client = Client::of(&server);
    let admin = client.admin(&server, "admin@example.com").await;
    for round in 0..5 {
        let email = format!("jane.{round}@example.com");
        let tokens = client.signed_in(&server, &email).await;
        let me = client.get("/users/me", &tokens.access).await;
        let id = me.expect(200)["id"].as_str().expect("an id").to_owned();
        let asked = Arc::new((id, email, tokens, admin.access.clone()));
        let answers = at_once(clients(&server, 8), |client, number| {
            let asked = Arc::clone(&asked);
            async move {
                let (id, email, Tokens { access, refresh }, admin) = &*asked;
                let path = format!("/users/{id}");
                match number {
                    0 => {
                        let request = client.request(Method::DELETE, "/users/me").bearer_auth(access);
                        client.send(request.json(&json!({"password": PASSWORD}))).await
                    }
                    1 => client.delete(&path, admin).await,
                    2 | 3 => client.login(email, PASSWORD).await,
                    4 => client.refresh(refresh).await,
                    5 => client.put("/users/me", access, &json!({"region": "somewhere"})).await,
                    6 => client.put(&format!("{path}/role"), admin, &json!({"role": "moderator"})).await,
                    _ => client.get("/users/me", access).await,
                }
            }
        })
        .await;
        let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        // 503 is for who found no turn in three tries, and asks again.
        assert!(statuses.iter().all(|status| *status < 500 || *status == 503), "round {round}: {statuses:?}");
        let erased = statuses[..2].iter().filter(|status| **status == 200).count();
        assert_eq!(erased, 1, "round {round}: {statuses:?}");
        let (id, email, ..) = &*asked;
        client.login(email, PASSWORD).await.expect_error(401, "USER_1001");
        client.get(&format!("/users/{id}"), &admin.access).await.expect_error(404, "USER_1101");
    }
    intact(&server);
}
