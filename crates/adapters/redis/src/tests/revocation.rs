use std::time::Duration;

use futures::StreamExt;
use portcullis_domain::port::SessionCache;
use tokio::time::timeout;

use super::{LONG, Server, connect, patient, session};
use crate::{Options, Revocation, Revocations};

fn options() -> Options {
    Options { probe_interval: Duration::from_millis(200), ..patient() }
}

async fn next(revocations: &mut Revocations) -> Revocation {
    let next = timeout(Duration::from_secs(30), revocations.next()).await;
    next.expect("told in time").expect("the stream has no end")
}

#[tokio::test]
async fn every_replica_hears_of_every_revocation() {
    let server = Server::start(&[]);
    let replicas = [connect(&server, options()).await, connect(&server, options()).await];
    let mut heard: Vec<_> = replicas.iter().map(crate::Redis::revocations).collect();
    for revocations in &mut heard {
        assert_eq!(next(revocations).await, Revocation::Missed, "before it listened");
    }
    let mut many: Vec<_> = (0..1_001).map(session).collect();
    many.extend([session(u128::MAX), session(7), session(7)]);
    replicas[0].revoke(&many[..2], LONG).await.expect("revoked");
    replicas[1].revoke(&[], LONG).await.expect("nothing to revoke");
    replicas[1].revoke(&many[2..], LONG).await.expect("revoked");
    for revocations in &mut heard {
        for expected in &many {
            assert_eq!(next(revocations).await, Revocation::Of(*expected));
        }
    }
}

#[tokio::test]
async fn every_replica_hears_of_sessions_whose_account_has_changed() {
    let server = Server::start(&[]);
    let replicas = [connect(&server, options()).await, connect(&server, options()).await];
    let mut heard: Vec<_> = replicas.iter().map(crate::Redis::revocations).collect();
    for revocations in &mut heard {
        assert_eq!(next(revocations).await, Revocation::Missed, "before it listened");
    }
    replicas[0].forget(&[session(1), session(2)]).await.expect("forgotten");
    replicas[1].revoke(&[session(3)], LONG).await.expect("revoked");
    for revocations in &mut heard {
        assert_eq!(next(revocations).await, Revocation::Changed(session(1)));
        assert_eq!(next(revocations).await, Revocation::Changed(session(2)));
        assert_eq!(next(revocations).await, Revocation::Of(session(3)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_a_listener_is_told_that_it_missed_some_and_hears_again() {
    let mut server = Server::start(&[]);
    let redis = connect(&server, options()).await;
    let mut revocations = redis.revocations();
    assert_eq!(next(&mut revocations).await, Revocation::Missed);
    for round in 1..=3 {
        redis.revoke(&[session(round)], LONG).await.expect("revoked");
        assert_eq!(next(&mut revocations).await, Revocation::Of(session(round)));
        server.kill();
        server.restart();
        // With what this one does not hear, the restart having taken its subscription.
        connect(&server, options()).await.revoke(&[session(100)], LONG).await.expect("revoked");
        loop {
            match next(&mut revocations).await {
                Revocation::Missed => break,
                // It may have listened again before.
                revocation => assert_eq!(revocation, Revocation::Of(session(100))),
            }
        }
        while redis.revoke(&[session(1_000 + round)], LONG).await.is_err() {}
        loop {
            match next(&mut revocations).await {
                Revocation::Of(heard) if heard == session(1_000 + round) => break,
                revocation => assert_eq!(revocation, Revocation::Of(session(100))),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_is_silent_is_given_up_and_made_again() {
    let server = Server::start(&[]);
    let redis = connect(&server, Options { deadline: Duration::from_millis(500), ..options() }).await;
    let mut revocations = redis.revocations();
    assert_eq!(next(&mut revocations).await, Revocation::Missed);
    server.freeze();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    server.thaw();
    assert_eq!(next(&mut revocations).await, Revocation::Missed);
    while redis.revoke(&[session(1)], LONG).await.is_err() {}
    while next(&mut revocations).await != Revocation::Of(session(1)) {}
}

#[tokio::test]
async fn a_listener_that_is_gone_leaves_no_subscription() {
    let server = Server::start(&[]);
    let redis = connect(&server, options()).await;
    let mut revocations = redis.revocations();
    assert_eq!(next(&mut revocations).await, Revocation::Missed);
    let subscribers = || server.say("PUBSUB NUMSUB portcullis:revocations");
    assert!(subscribers().ends_with(":1\r\n"), "{}", subscribers());
    drop(revocations);
    while !subscribers().ends_with(":0\r\n") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
