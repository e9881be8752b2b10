use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use super::{Server, patient, server::free_port};
use crate::{OpenError, Options, Redis};

/// Why it is refused, in a line that names the server and not the password.
async fn refusal(url: &str) -> OpenError {
    let error = Redis::connect(url, patient()).await.expect_err("refused");
    let mut texts = vec![format!("{error:?}"), error.to_string()];
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        texts.push(error.to_string());
        source = error.source();
    }
    for text in texts {
        assert!(!text.contains("s3cret") && !text.contains('\n'), "{text}");
    }
    error
}

/// A server that answers whatever it is sent in the same words.
fn parrot(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream: TcpStream = stream.expect("accepted");
            std::thread::spawn(move || {
                let mut sent = [0; 4_096];
                while stream.read(&mut sent).is_ok_and(|length| length > 0) {
                    // One answer for each command of a pipeline.
                    let commands = sent.split(|byte| *byte == b'*').count().saturating_sub(1).max(1);
                    if stream.write_all(answer.repeat(commands).as_bytes()).is_err() {
                        return;
                    }
                    sent = [0; 4_096];
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn a_url_that_does_not_read_is_refused() {
    for url in [
        "",
        "redis",
        "redis://",
        "http://127.0.0.1",
        "redis://127.0.0.1:port",
        "redis://127.0.0.1/s3cret",
        "rediss://127.0.0.1/#s3cret",
        "rediss://127.0.0.1/#insecure",
    ] {
        let error = refusal(url).await;
        assert!(matches!(error, OpenError::Url { .. }), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let port = free_port();
    for scheme in ["redis", "rediss"] {
        let error = refusal(&format!("{scheme}://jane:s3cret@127.0.0.1:{port}")).await;
        assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
        assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
    }
    let error = refusal("redis://nobody.invalid:1").await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_is_silent_is_waited_for_and_no_longer() {
    let server = Server::start(&[]);
    server.freeze();
    let options = Options { start_timeout: Duration::from_millis(500), ..Options::default() };
    let error = Redis::connect(&server.url(), options).await.expect_err("refused");
    server.thaw();
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn wrong_credentials_are_told() {
    let server = Server::start(&["--requirepass", "right"]);
    for user in ["", ":s3cret@", "jane:s3cret@"] {
        let error = refusal(&format!("redis://{user}127.0.0.1:{}", server.port())).await;
        assert!(matches!(error, OpenError::Credentials { .. }), "{user}: {error:?}");
    }
    let url = format!("redis://:right@127.0.0.1:{}", server.port());
    Redis::connect(&url, patient()).await.expect("the right password");
}

#[tokio::test]
async fn a_missing_permission_is_told_with_the_command_that_gives_it() {
    let server = Server::start(&[]);
    let url = format!("redis://jane:s3cret@127.0.0.1:{}", server.port());
    let set = |rules: &str| {
        let answer = server.say(&format!("ACL SETUSER jane reset on >s3cret {rules}"));
        assert_eq!(answer, "+OK\r\n", "{rules}");
    };
    for rules in [
        "",
        "+@connection",
        "~* &* +@connection +@read",
        "~* &* +@connection +@read +@write +@scripting +time",
        "~* +@connection +@read +@write +@scripting +@pubsub +time resetchannels",
        "~other* &* +@connection +@read +@write +@scripting +@pubsub +time",
        "~* &* +@connection +@read +@write +@scripting +@pubsub",
    ] {
        set(rules);
        let error = refusal(&url).await;
        assert!(matches!(error, OpenError::Permission { .. }), "{rules}: {error:?}");
    }
    set("~* &* +@all -time");
    let told = refusal(&url).await.to_string();
    let (_, rules) = told.split_once("ACL SETUSER name ").expect("the command");
    set(rules);
    Redis::connect(&url, patient()).await.expect("what it asks for is enough");
}

#[tokio::test]
async fn a_server_that_is_too_old_is_told_its_version() {
    let five = parrot("-ERR unknown command `HELLO`, with args beginning with: `2`, \r\n");
    let error = refusal(&format!("redis://127.0.0.1:{five}")).await;
    assert!(matches!(error, OpenError::TooOld { .. }), "{error:?}");
    let other = parrot("*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n5.9.12\r\n");
    let error = refusal(&format!("redis://127.0.0.1:{other}")).await;
    assert!(error.to_string().contains("5.9.12, and 6 is the oldest"), "{error}");
}

#[tokio::test]
async fn what_is_no_redis_is_told() {
    for answer in ["HTTP/1.1 400 Bad Request\r\n\r\n", "\u{15}\u{3}\u{3}\0\u{2}\u{2}F"] {
        let error = refusal(&format!("redis://127.0.0.1:{}", parrot(answer))).await;
        assert!(matches!(error, OpenError::NotRedis { .. }), "{answer:?}: {error:?}");
    }
}

#[tokio::test]
async fn tls_that_the_server_does_not_offer_is_told() {
    let server = Server::start(&[]);
    let url = format!("rediss://127.0.0.1:{}", server.port());
    let options = Options { start_timeout: Duration::from_secs(2), ..Options::default() };
    let error = Redis::connect(&url, options).await.expect_err("refused");
    assert!(matches!(error, OpenError::NoTls { .. }), "{error:?}");
}

#[tokio::test]
async fn a_replica_and_a_part_of_a_cluster_are_refused() {
    let primary = Server::start(&[]);
    let replica = Server::start(&["--replicaof", "127.0.0.1", &primary.port().to_string()]);
    let error = refusal(&replica.url()).await;
    assert!(matches!(error, OpenError::Replica { .. }), "{error:?}");
    let part = Server::start(&["--cluster-enabled", "yes"]);
    let error = refusal(&part.url()).await;
    assert!(matches!(error, OpenError::Cluster { .. }), "{error:?}");
}

#[tokio::test]
async fn a_database_of_its_own_can_be_chosen() {
    use portcullis_domain::port::AttemptCounters;

    let server = Server::start(&[]);
    let url = server.url();
    let one = Redis::connect(&url, patient()).await.expect("database 0");
    let other = Redis::connect(&format!("{url}/5"), patient()).await.expect("database 5");
    assert_eq!(one.add("key", super::LONG).await.expect("counted").count, 1);
    assert_eq!(other.add("key", super::LONG).await.expect("counted").count, 1);
    assert!(matches!(refusal(&format!("{url}/99")).await, OpenError::Engine { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_once_are_all_let_in() {
    let server = Server::start(&[]);
    for _ in 0..10 {
        let starts = (0..10).map(|_| {
            let url = server.url();
            tokio::spawn(async move { Redis::connect(&url, patient()).await.map(drop) })
        });
        for start in futures::future::join_all(starts).await {
            start.expect("no panic").expect("let in");
        }
    }
}
