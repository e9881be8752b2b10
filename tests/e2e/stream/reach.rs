use serde_json::{Value, json};

use super::{Person, Place};
use crate::client::PASSWORD;

/// Every reading route of a stream.
const READING: [&str; 5] = ["events", "history", "status", "stats", "audit"];

async fn sees(person: &Person, stream: &str, is_seen: bool) {
    for route in READING {
        let answer = person.get(&format!("/stream/{route}/{stream}")).await;
        if is_seen {
            answer.expect(200);
        } else {
            answer.expect_error(404, "STREAM_3101");
        }
    }
    let snapshot = person.get(&format!("/stream/snapshots/{stream}/latest")).await;
    snapshot.expect_error(404, if is_seen { "STREAM_3105" } else { "STREAM_3101" });
    let search = person.get(&format!("/stream/search?stream_id={stream}")).await;
    if is_seen {
        search.expect(200);
    } else {
        search.expect_error(404, "STREAM_3101");
    }
}

/// Tries to write; the status and code of what comes of it.
async fn writes(person: &Person, stream: &str) -> (u16, String) {
    let answers = [
        person.append(stream, "note.made", &json!({})).await,
        person.metadata(stream, &json!({"by": person.id})).await,
    ];
    let outcome = |status: u16, body: &Value| {
        (if status == 201 { 200 } else { status }, body["error_code"].as_str().unwrap_or_default().to_owned())
    };
    let [event, metadata] = answers.map(|answer| outcome(answer.status, &answer.body));
    assert_eq!(event, metadata, "all writing has one reach");
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_and_writes_what_is_within_their_reach() {
    let place = Place::start().await;
    let (company, owner) = place.company("owner@example.com").await;
    let manager = place.member(&owner, "manager@example.com", "manager").await;
    let member = place.member(&owner, "member@example.com", "member").await;
    let (other_company, other_owner) = place.company("other@example.com").await;
    let stranger = place.person("stranger@example.com").await;
    let moderator = place.moderator("mod@example.com").await;
    let body = json!({"email": "asking@example.com", "password": PASSWORD, "name": "Jane Doe", "company_id": company});
    place.client.post("/auth/register/user", &body).await.expect(201);
    let asking = Person::signed_in(&place.client, "asking@example.com").await;

    let nobodys = "01890000-0000-7000-8000-000000000000";
    let all = [&company, &other_company, &owner.id, &manager.id, &member.id, &asking.id, &stranger.id];
    let company_s = [&company, &owner.id, &manager.id, &member.id];
    let none: [&String; 0] = [];
    for (person, seen, written) in [
        (&owner, company_s.as_slice(), [&company, &owner.id].as_slice()),
        (&manager, &company_s, &[&company, &manager.id]),
        (&member, &[&member.id], &[&member.id]),
        (&asking, &[&asking.id], &[&asking.id]),
        (&stranger, &[&stranger.id], &[&stranger.id]),
        (&other_owner, &[&other_company, &other_owner.id], &[&other_company, &other_owner.id]),
        (&moderator, &all, &all),
        (&place.root, &all, &all),
    ] {
        for stream in all.iter().chain(&none) {
            sees(person, stream, seen.contains(stream)).await;
            let outcome = writes(person, stream).await;
            let expected = match (seen.contains(stream), written.contains(stream)) {
                (_, true) => (200, ""),
                (true, false) => (403, "USER_1007"),
                (false, false) => (404, "STREAM_3101"),
            };
            assert_eq!((outcome.0, outcome.1.as_str()), expected, "{} on {stream}", person.id);
        }
        sees(person, nobodys, false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_opens_what_its_reader_may_see() {
    let place = Place::start().await;
    let (_, owner) = place.company("owner@example.com").await;
    let member = place.member(&owner, "member@example.com", "member").await;
    let moderator = place.moderator("mod@example.com").await;
    let change = json!({"name": "Jane Roe", "phone": "+82 10-1234-5678"});
    place.client.put("/users/me", &member.access, &change).await.expect(200);

    let changes_for = async |reader: &Person| {
        let items = reader.all(&format!("/stream/history/{}", member.id), 3).await;
        let update = items.iter().find(|item| item["event"]["type"] == "user.updated").expect("there");
        update["changes"].clone()
    };
    let own = changes_for(&member).await;
    assert_eq!(own["phone"], json!({"before": null, "after": "+82 10-1234-5678", "is_hidden": false}));
    assert_eq!(own["name"]["before"], "Jane Doe");
    let by_owner = changes_for(&owner).await;
    assert_eq!(by_owner["name"]["after"], "Jane Roe");
    assert_eq!(by_owner["phone"], json!({"before": null, "after": null, "is_hidden": true}));
    assert_eq!(changes_for(&moderator).await, own);

    // Each look is there for the one who was looked at, in the order of time.
    let items = member.all(&format!("/stream/history/{}", member.id), 50).await;
    let looks: Vec<_> = items.iter().filter(|item| item["kind"] == "access").collect();
    assert!(looks.iter().any(|look| look["actor"]["id"] == owner.id.as_str()));
    assert!(looks.iter().any(|look| look["actor"]["id"] == moderator.id.as_str()));
    assert!(looks.iter().all(|look| look["accessed"] == "stream" && look["event"].is_null()));
    let times: Vec<_> = items.iter().map(|item| item["recorded_at"].as_str().expect("a time")).collect();
    assert!(times.is_sorted(), "{times:?}");
    let by_owner = owner.all(&format!("/stream/history/{}", member.id), 50).await;
    assert!(by_owner.iter().all(|item| item["kind"] != "access"), "who looked is not for managers");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_tells_where_people_were_to_themselves_and_to_those_who_see_all() {
    let place = Place::start().await;
    let (company, owner) = place.company("owner@example.com").await;
    let manager = place.member(&owner, "manager@example.com", "manager").await;
    manager.append(&company, "note.made", &json!({"by": "the manager"})).await.expect(201);
    let seen_by = async |reader: &Person| {
        let audit = reader.get(&format!("/stream/audit/{company}?limit=200")).await;
        let audit = audit.expect(200).clone();
        assert_eq!(audit["check"]["verdict"], "intact");
        let items = audit["items"].as_array().expect("a list").clone();
        assert_eq!(audit["check"]["events"], items.len());
        let origins = items.iter().filter(|item| !item["ip_address"].is_null());
        let mut actors: Vec<_> =
            origins.map(|item| item["actor"]["id"].as_str().expect("an id").to_owned()).collect();
        actors.dedup();
        actors.sort_unstable();
        actors.dedup();
        actors
    };
    assert_eq!(seen_by(&manager).await, [manager.id.clone()]);
    assert_eq!(seen_by(&owner).await, [owner.id.clone()]);
    let mut both = [owner.id.clone(), manager.id.clone()];
    both.sort_unstable();
    assert_eq!(seen_by(&place.root).await, both);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_of_somebody_erased_is_for_those_who_see_all_and_says_nothing_of_them() {
    let place = Place::start().await;
    let jane = place.person("jane@example.com").await;
    jane.append(&jane.id, "note.made", &json!({"order": 7})).await.expect(201);
    jane.metadata(&jane.id, &json!({"label": "a"})).await.expect(200);
    jane.post("/stream/snapshots", &json!({"stream_id": jane.id})).await.expect(201);
    let request = place.client.request(reqwest::Method::DELETE, "/users/me").bearer_auth(&jane.access);
    place.client.send(request.json(&json!({"password": PASSWORD}))).await.expect(200);

    let joe = place.person("joe@example.com").await;
    sees(&joe, &jane.id, false).await;
    sees(&place.root, &jane.id, true).await;
    let status = place.root.get(&format!("/stream/status/{}", jane.id)).await;
    let status = status.expect(200);
    assert_eq!((&status["is_active"], &status["metadata"]), (&json!(false), &json!({})));
    let history = place.root.all(&format!("/stream/history/{}", jane.id), 200).await;
    let text = Value::from(history).to_string();
    assert!(text.contains("user.deleted") && !text.contains("jane@") && !text.contains("Jane"), "{text}");
    place.root.append(&jane.id, "note.made", &json!({})).await.expect_error(409, "STREAM_3102");
}
