use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Person, Place};
use crate::race::{at_once, clients, intact, winners};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_client_s_own_is_written_and_told() {
    let place = Place::start().await;
    let jane = place.person("jane@example.com").await;
    let before = jane.version(&jane.id).await;
    let data = json!({"order": 7, "tags": ["a", null, 1.5], "nested": {"é": "키"}});
    let written = jane.append(&jane.id, "order.placed", &data).await;
    let event = written.expect(201);
    let fields: Vec<_> = event.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        ["actor", "data", "hash", "id", "recorded_at", "schema_version", "stream_id", "type", "version"]
    );
    assert_eq!((&event["data"], event["version"].as_u64()), (&data, Some(before + 1)));
    assert_eq!(event["actor"], json!({"kind": "user", "id": jane.id}));
    let me = jane.get("/users/me").await;
    assert_eq!(me.expect(200)["stream_version"], before + 1, "the account moves with its stream");
    let listed = jane.all(&format!("/stream/events/{}?type=order.placed", jane.id), 10).await;
    assert_eq!(listed, [event.clone()]);
    let status = jane.get(&format!("/stream/status/{}", jane.id)).await;
    let status = status.expect(200);
    assert_eq!((&status["head_hash"], &status["last_event_at"]), (&event["hash"], &event["recorded_at"]));
    let stats = jane.get(&format!("/stream/stats/{}", jane.id)).await;
    let stats = stats.expect(200);
    assert_eq!((&stats["by_type"]["order.placed"], &stats["events"]), (&json!(1), &json!(before + 1)));
    assert_eq!(stats["sign_ins"], json!({"last_24_hours": 1, "last_7_days": 1, "last_30_days": 1}));
    intact(&place.server);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_refused() {
    let place = Place::start().await;
    let jane = place.person("jane@example.com").await;
    for reserved in
        ["user.created", "USER.x", "stream.deactivated", "company.a", "api_key.b", "feature.c", "user"]
    {
        jane.append(&jane.id, reserved, &json!({})).await.expect_error(400, "STREAM_3104");
    }
    let long = "a".repeat(101);
    for event_type in ["", ".", "a b", "a..b", "1a", "ä", "a/*", "a.#", "a\u{0}", long.as_str()] {
        let refused = jane.append(&jane.id, event_type, &json!({})).await;
        refused.expect_error(400, "COMMON_9001");
        assert!(refused.body["details"]["fields"]["type"].is_array(), "{event_type}: {:#}", refused.body);
    }
    let full = json!({"a": "x".repeat(32 * 1024 - 8)});
    jane.append(&jane.id, "note.made", &full).await.expect(201);
    let too_long = json!({"a": "x".repeat(32 * 1024 - 7)});
    jane.append(&jane.id, "note.made", &too_long).await.expect_error(400, "COMMON_9001");
    jane.append(&jane.id, "note.made", &json!({"a": "x".repeat(70_000)}))
        .await
        .expect_error(413, "COMMON_9005");
    for data in [json!([]), json!("text"), json!(1), json!(null)] {
        jane.append(&jane.id, "note.made", &data).await.expect_error(400, "COMMON_9001");
    }
    let deep = format!("{}1{}", r#"{"a":"#.repeat(200), "}".repeat(200));
    let body = format!(r#"{{"stream_id": "{}", "type": "note.made", "data": {deep}}}"#, jane.id);
    let request = jane.client.request(reqwest::Method::POST, "/stream/events").bearer_auth(&jane.access);
    let request = request.header("Content-Type", "application/json").body(body);
    jane.client.send(request).await.expect_error(400, "COMMON_9001");
    for body in [
        json!({"stream_id": "no id", "type": "a", "data": {}}),
        json!({"stream_id": jane.id, "type": "a", "data": {}, "expected_version": -1}),
        json!({"stream_id": jane.id, "type": "a", "data": {}, "more": 1}),
        json!({"stream_id": jane.id, "type": "a"}),
    ] {
        jane.post("/stream/events", &body).await.expect_error(400, "COMMON_9001");
    }
    let body = json!({"stream_id": jane.id, "type": "a", "data": {}});
    for key in ["", "a b", &"k".repeat(256)] {
        jane.append_with_key(key, &body).await.expect_error(400, "COMMON_9001");
    }
    jane.metadata(&jane.id, &json!({"a": "x".repeat(16 * 1024)})).await.expect_error(400, "COMMON_9001");
    // NUL and other characters that an engine may stumble over.
    let odd = json!({"\u{0}": "\u{0}\u{1}\u{fffd}\u{10ffff}'\"\\"});
    assert_eq!(jane.append(&jane.id, "note.made", &odd).await.expect(201)["data"], odd);
    assert_eq!(jane.metadata(&jane.id, &odd).await.expect(200)["metadata"], odd);
    intact(&place.server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_deactivated_takes_no_event_and_its_owner_signs_in_still() {
    let place = Place::start().await;
    let jane = place.person("jane@example.com").await;
    let body = json!({"stream_id": jane.id, "reason": "Jane Doe has moved"});
    assert_eq!(jane.post("/stream/deactivate", &body).await.expect(200)["is_active"], false);
    let version = jane.version(&jane.id).await;
    jane.post("/stream/deactivate", &body).await.expect(200);
    assert_eq!(jane.version(&jane.id).await, version, "it was so already");
    jane.append(&jane.id, "note.made", &json!({})).await.expect_error(409, "STREAM_3102");
    jane.metadata(&jane.id, &json!({"a": 1})).await.expect_error(409, "STREAM_3102");
    Person::signed_in(&place.client, "jane@example.com").await;
    let history = jane.all(&format!("/stream/history/{}", jane.id), 50).await;
    let changes = history.iter().find(|item| item["event"]["type"] == "stream.deactivated").expect("there");
    assert_eq!(changes["changes"]["stream.reason"]["after"], "Jane Doe has moved");
    let events = jane.get(&format!("/stream/events/{}", jane.id)).await;
    assert!(!events.expect(200).to_string().contains("has moved"), "it is sealed");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_who_expect_one_version_one_writes_and_the_rest_are_told_where_it_is() {
    let place = Place::start_with(&[("REQUEST_TIMEOUT_SECONDS", "60")]).await;
    let jane = place.person("jane@example.com").await;
    let expected = jane.version(&jane.id).await;
    let writer = jane.clone();
    let answers = at_once(clients(&place.server, 32), move |client, number| {
        let (access, stream) = (writer.access.clone(), writer.id.clone());
        async move {
            let body = json!({"stream_id": stream, "type": "note.made", "data": {"number": number}, "expected_version": expected});
            client.act("/stream/events", &access, &body).await
        }
    })
    .await;
    assert_eq!(winners(&answers, 201, (409, "STREAM_3103")), 1);
    for answer in answers.iter().filter(|answer| answer.status == 409) {
        assert_eq!(answer.body["details"], json!({"expected": expected, "actual": expected + 1}));
    }
    assert_eq!(jane.version(&jane.id).await, expected + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_who_race_without_a_version_each_gets_one_of_their_own() {
    let place = Place::start_with(&[("REQUEST_TIMEOUT_SECONDS", "60")]).await;
    let jane = place.person("jane@example.com").await;
    let before = jane.version(&jane.id).await;
    let writer = jane.clone();
    let answers = at_once(clients(&place.server, 32), move |client, number| {
        let writer = Person { client, ..writer.clone() };
        async move { writer.append(&writer.id.clone(), "note.made", &json!({"number": number})).await }
    })
    .await;
    let versions: BTreeSet<_> =
        answers.iter().map(|answer| answer.expect(201)["version"].as_u64().expect("a number")).collect();
    assert_eq!(versions, (before + 1..=before + 32).collect());
    let listed = jane.all(&format!("/stream/events/{}?from_version={}", jane.id, before + 1), 10).await;
    let numbers: BTreeSet<_> =
        listed.iter().map(|event| event["data"]["number"].as_u64().expect("one")).collect();
    assert_eq!(numbers, (0..32).collect());
    intact(&place.server);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_20_requests_with_one_key_one_is_done_and_all_get_its_answer() {
    let place = Place::start_with(&[("REQUEST_TIMEOUT_SECONDS", "60")]).await;
    let jane = place.person("jane@example.com").await;
    let before = jane.version(&jane.id).await;
    let body = json!({"stream_id": jane.id, "type": "order.placed", "data": {"order": 7}, "expected_version": before});
    let (writer, sent) = (jane.clone(), body.clone());
    let answers = at_once(clients(&place.server, 20), move |client, _| {
        let (writer, sent) = (Person { client, ..writer.clone() }, sent.clone());
        async move { writer.append_with_key("one-key", &sent).await }
    })
    .await;
    let first = answers[0].expect(201).clone();
    assert!(answers.iter().all(|answer| *answer.expect(201) == first));
    assert_eq!(jane.version(&jane.id).await, before + 1);

    // The same JSON, spaced otherwise; another body; another person's key.
    assert_eq!(*jane.append_with_key("one-key", &body).await.expect(201), first);
    let other = json!({"stream_id": jane.id, "type": "order.placed", "data": {"order": 8}});
    jane.append_with_key("one-key", &other).await.expect_error(409, "COMMON_9010");
    let joe = place.person("joe@example.com").await;
    let joes = json!({"stream_id": joe.id, "type": "order.placed", "data": {"order": 8}});
    joe.append_with_key("one-key", &joes).await.expect(201);
    let refused =
        json!({"stream_id": jane.id, "type": "order.placed", "data": {}, "expected_version": before});
    jane.append_with_key("another", &refused).await.expect_error(409, "STREAM_3103");
    let fitting =
        json!({"stream_id": jane.id, "type": "order.placed", "data": {}, "expected_version": before + 1});
    jane.append_with_key("another", &fitting).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_s_stream_takes_what_its_managers_write_beside_what_they_do() {
    let place = Place::start().await;
    let (company, owner) = place.company("owner@example.com").await;
    let writing = owner.clone();
    let stream = company.clone();
    let writer = tokio::spawn(async move {
        for number in 0..10 {
            writing.append(&stream, "note.made", &json!({"number": number})).await.expect(201);
        }
    });
    for number in 0..5 {
        let change = json!({"region": format!("region {number}")});
        place.client.put("/companies/me", &owner.access, &change).await.expect(200);
    }
    writer.await.expect("it wrote");
    let events = owner.all(&format!("/stream/events/{company}"), 4).await;
    let versions: Vec<_> = events.iter().map(|event| event["version"].as_u64().expect("a number")).collect();
    assert_eq!(versions, (1..=versions.len() as u64).collect::<Vec<_>>());
    let notes = events.iter().filter(|event| event["type"] == "note.made").count();
    let updates = events.iter().filter(|event| event["type"] == "company.updated").count();
    assert_eq!((notes, updates), (10, 5));
    let shown = owner.get("/companies/me").await;
    assert_eq!(shown.expect(200)["stream_version"], Value::from(versions.len()));
}
