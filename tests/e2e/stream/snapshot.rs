use std::time::Instant;

use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use super::{Person, Place};
use crate::{client, database, server::PATIENCE};

async fn latest(person: &Person, stream: &str) -> Option<Value> {
    let answer = person.get(&format!("/stream/snapshots/{stream}/latest")).await;
    if answer.status == 404 {
        answer.expect_error(404, "STREAM_3105");
        return None;
    }
    Some(answer.expect(200).clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_holds_the_state_at_its_version_as_far_as_its_reader_may_see() {
    let place = Place::start().await;
    let (company, owner) = place.company("owner@example.com").await;
    let member = place.member(&owner, "member@example.com", "member").await;
    place.client.put("/users/me", &member.access, &json!({"phone": "+82 10-1234-5678"})).await.expect(200);
    assert_eq!(latest(&member, &member.id).await, None);
    member.metadata(&member.id, &json!({"label": "a"})).await.expect(200);
    let version = member.version(&member.id).await;
    let taken = member.post("/stream/snapshots", &json!({"stream_id": member.id})).await;
    let taken = taken.expect(201).clone();
    assert_eq!(taken["version"], version);
    assert_eq!(taken["state"]["subject"]["user"]["profile"]["phone"], "+82 10-1234-5678");
    assert_eq!(taken["state"]["stream"]["metadata"], json!({"label": "a"}));
    member.append(&member.id, "note.made", &json!({})).await.expect(201);
    assert_eq!(latest(&member, &member.id).await, Some(taken));
    let by_owner = latest(&owner, &member.id).await.expect("there");
    let profile = &by_owner["state"]["subject"]["user"]["profile"];
    assert_eq!(*profile, json!({"email": "member@example.com", "name": "Jane Doe"}));
    owner.post("/stream/snapshots", &json!({"stream_id": member.id})).await.expect_error(403, "USER_1007");

    let of_company = owner.post("/stream/snapshots", &json!({"stream_id": company})).await;
    assert_eq!(of_company.expect(201)["state"]["subject"]["company"]["name"], "Smith & Sons, Inc.");
    let status = owner.get(&format!("/stream/status/{company}")).await;
    assert_eq!(status.expect(200)["last_snapshot_version"], of_company.body["version"]);
    let history = owner.all(&format!("/stream/history/{company}"), 50).await;
    assert_eq!(history.iter().filter(|item| item["kind"] == "snapshot").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_are_taken_by_themselves() {
    let place = Place::start_with(&[("SNAPSHOT_EVERY", "5")]).await;
    let jane = place.person("jane@example.com").await;
    for number in 0..7 {
        jane.append(&jane.id, "note.made", &json!({"number": number})).await.expect(201);
    }
    let begun = Instant::now();
    let snapshot = loop {
        match latest(&jane, &jane.id).await {
            Some(snapshot) => break snapshot,
            None => assert!(begun.elapsed() < PATIENCE, "{}", place.server.log()),
        }
        sleep(Duration::from_millis(50)).await;
    };
    assert!(snapshot["version"].as_u64() >= Some(5));
    let audit = jane.get(&format!("/stream/audit/{}", jane.id)).await;
    let check = &audit.expect(200)["check"];
    assert_eq!((&check["verdict"], &check["rejected_snapshots"]), (&json!("intact"), &json!([])));
    let items = jane.all(&format!("/stream/events/{}?type=stream.snapshot_taken", jane.id), 10).await;
    assert!(items.iter().all(|event| event["actor"] == json!({"kind": "system", "id": null})));
}

/// By whoever writes to the database behind the service; on the SQLite file alone, what a snapshot is believed by is the same everywhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_was_tampered_with_is_reported_and_not_believed() {
    let place = Place::embedded().await;
    let jane = place.person("jane@example.com").await;
    let sound = jane.post("/stream/snapshots", &json!({"stream_id": jane.id})).await.expect(201).clone();
    let newer = jane.post("/stream/snapshots", &json!({"stream_id": jane.id})).await;
    let version = newer.expect(201)["version"].as_u64().expect("a number");
    let file = place.server.data().join("portcullis.db");
    database::query(
        &file,
        &format!(
            "PRAGMA busy_timeout = 10000; UPDATE snapshots SET state = zeroblob(64) WHERE version = {version}"
        ),
    );
    let shown = latest(&jane, &jane.id).await.expect("an older one");
    assert_eq!((&shown["id"], &shown["version"]), (&sound["id"], &sound["version"]));
    let audit = jane.get(&format!("/stream/audit/{}", jane.id)).await;
    let check = &audit.expect(200)["check"];
    assert_eq!(check["verdict"], "intact");
    assert_eq!(check["rejected_snapshots"][0]["fault"], "does_not_open");
    let metrics =
        client::http().get(format!("{}/metrics", place.server.url())).send().await.expect("an answer");
    let metrics = metrics.text().await.expect("a text");
    assert!(metrics.contains(r#"stream_snapshots_rejected_total{fault="does_not_open"} 2"#), "{metrics}");
    assert!(place.server.log().contains("is not believed"));
}
