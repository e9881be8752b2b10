use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Person, Place, texts};

async fn search(person: &Person, query: &str, limit: usize) -> Vec<Value> {
    person.all(&format!("/stream/search?{query}"), limit).await
}

fn ids(events: &[Value]) -> BTreeSet<String> {
    texts(events, "id").into_iter().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_what_meets_every_filter_within_the_caller_s_reach() {
    let place = Place::start().await;
    let (company, owner) = place.company("owner@example.com").await;
    let member = place.member(&owner, "member@example.com", "member").await;
    let (_, other_owner) = place.company("other@example.com").await;
    let stranger = place.person("stranger@example.com").await;
    for (person, stream) in
        [(&owner, &company), (&owner, &owner.id), (&member, &member.id), (&stranger, &stranger.id)]
    {
        person.append(stream, "order.placed", &json!({"text": "a \"blue\" thing"})).await.expect(201);
        person.append(stream, "order.paid", &json!({"text": "100 % of it"})).await.expect(201);
    }
    let placed = "type=order.placed";
    let found = async |person: &Person, query: &str| {
        let one_by_one = search(person, query, 1).await;
        assert_eq!(search(person, query, 200).await, one_by_one, "{query}");
        let times = texts(&one_by_one, "recorded_at");
        assert!(times.iter().rev().is_sorted(), "the newest first: {times:?}");
        one_by_one
    };
    let streams = |events: &[Value]| -> BTreeSet<String> {
        texts(events, "stream_id").into_iter().map(str::to_owned).collect()
    };
    let set = |streams: &[&String]| streams.iter().map(|stream| (*stream).clone()).collect::<BTreeSet<_>>();
    assert_eq!(
        streams(&found(&place.root, placed).await),
        set(&[&company, &owner.id, &member.id, &stranger.id])
    );
    assert_eq!(streams(&found(&owner, placed).await), set(&[&company, &owner.id, &member.id]));
    assert_eq!(streams(&found(&member, placed).await), set(&[&member.id]));
    assert_eq!(found(&other_owner, placed).await, Vec::<Value>::new());

    let of_company = format!("{placed}&company_id={company}");
    assert_eq!(streams(&found(&place.root, &of_company).await), set(&[&company, &owner.id, &member.id]));
    assert_eq!(streams(&found(&member, &of_company).await), set(&[&member.id]), "of it, what is theirs");
    assert_eq!(found(&stranger, &of_company).await, Vec::<Value>::new());
    let by_owner = found(&place.root, &format!("{placed}&actor={}", owner.id)).await;
    assert_eq!(streams(&by_owner), set(&[&company, &owner.id]));
    let one = found(&owner, &format!("{placed}&stream_id={company}&text=%22blue%22")).await;
    assert_eq!((one.len(), &one[0]["data"]["text"]), (1, &json!("a \"blue\" thing")));
    assert_eq!(found(&owner, "text=100%20%25").await.len(), 3);
    assert_eq!(found(&owner, "text=100%25").await, Vec::<Value>::new());
    assert_eq!(found(&owner, "type=order.%25").await, Vec::<Value>::new());

    // Since a time is with it, and until a time is without it; to the microsecond.
    let all = found(&owner, "").await;
    let (first, last) = (all[all.len() - 1]["recorded_at"].as_str(), all[0]["recorded_at"].as_str());
    let (first, last) = (first.expect("a time"), last.expect("a time"));
    let between = found(&owner, &format!("since={first}&until={last}")).await;
    let expected: Vec<_> = all
        .iter()
        .filter(|event| event["recorded_at"].as_str().is_some_and(|at| at < last))
        .cloned()
        .collect();
    assert_eq!(between, expected);
    assert_eq!(found(&owner, &format!("since={last}&until={last}")).await, Vec::<Value>::new());
    assert_eq!(found(&owner, "since=9999-01-01T00:00:00Z").await, Vec::<Value>::new());
    assert_eq!(found(&owner, "until=0001-01-01T00:00:00Z").await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_what_was_there_once_beside_writers() {
    const THERE: usize = 30;
    let place = Place::start().await;
    let jane = place.person("jane@example.com").await;
    for number in 0..THERE {
        jane.append(&jane.id, "note.made", &json!({"number": number})).await.expect(201);
    }
    let writing = jane.clone();
    let writer = tokio::spawn(async move {
        for _ in 0..20 {
            writing.append(&writing.id, "note.made", &json!({"number": "later"})).await.expect(201);
        }
    });
    for path in [
        "/stream/search?type=note.made".to_owned(),
        format!("/stream/events/{}?type=note.made&order=desc", jane.id),
        format!("/stream/events/{}?type=note.made", jane.id),
    ] {
        let found = jane.all(&path, 4).await;
        assert_eq!(ids(&found).len(), found.len(), "each once: {path}");
        let numbers: BTreeSet<_> =
            found.iter().filter_map(|event| event["data"]["number"].as_u64()).collect();
        assert_eq!(numbers, (0..THERE as u64).collect(), "{path}");
    }
    writer.await.expect("it wrote");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_refused() {
    let place = Place::start().await;
    let jane = place.person("jane@example.com").await;
    let long = "x".repeat(201);
    for query in [
        "actor=no-id",
        "stream_id=no-id",
        "company_id=%00",
        "since=yesterday",
        "limit=0",
        "limit=201",
        "cursor=garbage",
        "cursor=e30",
        &format!("text={long}"),
    ] {
        jane.get(&format!("/stream/search?{query}")).await.expect_error(400, "COMMON_9001");
    }
    for path in ["order=up", "from_version=-1", "cursor=e30", "limit=999"] {
        jane.get(&format!("/stream/events/{}?{path}", jane.id)).await.expect_error(400, "COMMON_9001");
    }
    for query in ["text=%00", "type=%00", "text=", "text=%27%3B--", "text=%F0%9F%98%80"] {
        jane.get(&format!("/stream/search?{query}")).await.expect(200);
    }
    let nothing = jane.all(&format!("/stream/events/{}?from_version=9&to_version=3", jane.id), 10).await;
    assert_eq!(nothing, Vec::<Value>::new());
    let far = format!("/stream/events/{}?to_version={}&order=desc", jane.id, u64::MAX);
    assert!(!jane.all(&far, 10).await.is_empty());
}
