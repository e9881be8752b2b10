//! What the broker gets, and that nobody waits for it.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{EMAIL, Replicas, UNVERIFIED, eventually, line::Line, readiness, ready, sign_in};
use crate::{
    client::{Client, PASSWORD},
    stack::{self, Delivery},
};

/// Messages of each stream come in the order of its versions, and none is left out.
#[track_caller]
fn assert_same(mut messages: Vec<Delivery>, mut events: Vec<Delivery>) {
    let by_stream = |deliveries: &mut Vec<Delivery>| deliveries.sort_by(|a, b| a.stream.cmp(&b.stream));
    // The sort is stable: within a stream the order stays.
    by_stream(&mut messages);
    by_stream(&mut events);
    assert_eq!(messages, events);
}

/// Things that happen to an account, half of them here and half of them there.
async fn live(one: &Client, other: &Client, email: &str) {
    let tokens = sign_in(one, email).await;
    other.put("/users/me", &tokens.access, &json!({"name": "Jane Doe II"})).await.expect(200);
    one.put("/users/me", &tokens.access, &json!({"region": "South"})).await.expect(200);
    other.logout(&tokens.access).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_messages_are_the_events_in_the_order_of_their_streams() {
    let replicas = Replicas::start(2, &[UNVERIFIED]);
    let (one, other) = replicas.pair();
    let lives = (0..8).map(|number| {
        let (one, other) = if number % 2 == 0 { (&one, &other) } else { (&other, &one) };
        let (one, other) = (one.clone(), other.clone());
        tokio::spawn(async move { live(&one, &other, &format!("jane{number}@example.com")).await })
    });
    for life in lives.collect::<Vec<_>>() {
        life.await.expect("no panic");
    }
    let company = json!({"email": "owner@example.com", "password": PASSWORD, "name": "Smith & Sons"});
    one.post("/auth/register/company", &company).await.expect(201);
    let events = replicas.events().await;
    for event_type in [
        "user.created",
        "user.updated",
        "user.logged_in",
        "user.logged_out",
        "company.created",
        "company.member_joined",
    ] {
        assert!(events.iter().any(|event| event.event_type == event_type), "{event_type}: {events:#?}");
    }
    assert_same(replicas.delivered(events.len(), Vec::new()).await, events);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_writes_is_told_under_its_own_type_as_a_cloud_event() {
    let replicas = Replicas::start(2, &[UNVERIFIED]);
    let (one, other) = replicas.pair();
    let tokens = sign_in(&one, EMAIL).await;
    let me = one.get("/users/me", &tokens.access).await;
    let stream = me.expect(200)["stream_id"].clone();
    let data = json!({"order": 7, "user_id": "another", "nested": {"é": [null, 1.5]}});
    let body = json!({"stream_id": stream, "type": "shop.order.placed", "data": data});
    let written = other.act("/stream/events", &tokens.access, &body).await.expect(201).clone();
    let taken = eventually("it is told", || async {
        replicas.place.take().await.into_iter().find(|taken| taken.event["id"] == written["id"])
    })
    .await;
    assert_eq!(taken.routing_key, "shop.order.placed");
    assert_eq!(taken.content_type, "application/cloudevents+json");
    let event = &taken.event;
    for (name, value) in [
        ("specversion", json!("1.0")),
        ("type", json!("shop.order.placed")),
        ("subject", stream.clone()),
        ("partitionkey", stream.clone()),
        ("streamversion", written["version"].clone()),
        ("datacontenttype", json!("application/json")),
    ] {
        assert_eq!(event[name], value, "{name}: {event:#}");
    }
    assert!(event["source"].as_str().is_some_and(|source| source.starts_with("http://")), "{event:#}");
    assert!(event["time"].is_string() && event["dataschema"].is_string(), "{event:#}");
    // What the client said stands by itself, and passes for nothing that the service says.
    assert_eq!((&event["data"]["data"], &event["data"]["stream_id"]), (&data, &stream));
    assert!(event["data"]["user_id"].is_null(), "{event:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_is_away_events_wait_and_then_none_is_missing() {
    let line = Line::to(&stack::rabbitmq(), 5672).await;
    let replicas = Replicas::start(2, &[UNVERIFIED, ("AMQP_URL", line.url())]);
    let (one, other) = replicas.pair();
    live(&one, &other, "before@example.com").await;
    let before = replicas.delivered(replicas.events().await.len(), Vec::new()).await;
    line.cut();
    live(&one, &other, "meanwhile@example.com").await;
    eventually("it is degraded", || async { (readiness(&one).await == ready("degraded")).then_some(()) })
        .await;
    assert_eq!(replicas.place.deliveries().await, []);
    let events = replicas.events().await;
    assert!(events.len() > before.len());
    line.mend();
    assert_same(replicas.delivered(events.len(), before).await, events);
    eventually("it is up", || async { (readiness(&one).await == ready("up")).then_some(()) }).await;
}

/// The time of a request at each, in the middle of many. They are asked in turns, so that whatever else the machine does slows both.
async fn medians(clients: &[Client; 2]) -> [Duration; 2] {
    let mut taken = [Vec::new(), Vec::new()];
    for _ in 0..60 {
        for (client, taken) in clients.iter().zip(&mut taken) {
            let begun = Instant::now();
            client.login(EMAIL, PASSWORD).await.expect(200);
            taken.push(begun.elapsed());
        }
    }
    taken.map(|mut taken| {
        taken.sort_unstable();
        taken[taken.len() / 2]
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_never_there_makes_no_request_slower() {
    let with = Replicas::start(1, &[UNVERIFIED]);
    // Nothing listens on the first port.
    let without = Replicas::start(1, &[UNVERIFIED, ("AMQP_URL", "amqp://127.0.0.1:1")]);
    let clients = [Client::of(&with.servers[0]), Client::of(&without.servers[0])];
    for client in &clients {
        sign_in(client, EMAIL).await;
    }
    assert_eq!(readiness(&clients[1]).await, ready("degraded"));
    let [with_broker, without_broker] = medians(&clients).await;
    let limit = with_broker * 2 + Duration::from_millis(20);
    assert!(without_broker < limit, "{without_broker:?}, and {with_broker:?} with a broker");
    let events = without.events().await.len();
    let waiting = without.subscription("broker");
    assert_eq!(waiting[1..3], ["0".to_owned(), events.to_string()], "{waiting:?}");
    assert!(waiting[5..].join(" ").contains("no broker answers at"), "{waiting:?}");
}
