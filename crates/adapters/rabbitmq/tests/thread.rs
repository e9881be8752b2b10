//! Each connection has a thread, which waits for a silent broker for as long as its socket does. In a process of its own, where
//! nobody else has such threads.

#![cfg(target_os = "linux")]

use std::{
    fs,
    time::{Duration, Instant},
};

use portcullis_rabbitmq::{Options, RabbitMq};
use tokio::{io::AsyncReadExt, net::TcpListener, time::timeout};

/// How many connections have a thread, by the name that lapin gives it.
fn threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux lists threads");
    let names = tasks.map(|task| fs::read_to_string(task.expect("readable").path().join("comm")));
    names.filter(|name| name.as_ref().is_ok_and(|name| name == "lapin-io-loop\n")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_were_given_up_leave_neither_socket_nor_thread() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("amqp://{}", silent.local_addr().expect("bound"));
    let options = Options {
        connect_deadline: Duration::from_millis(200),
        longest_backoff: Duration::ZERO,
        ..Options::new("https://id.example.com".parse().expect("a URL"))
    };
    let publisher = RabbitMq::new(&url, options.clone()).expect("a URL");
    for _ in 0..5 {
        let (accepted, outcome) = tokio::join!(silent.accept(), publisher.check());
        let error = outcome.expect_err("nothing is answered");
        assert!(error.is_outage(), "{error}");
        let (mut socket, _) = accepted.expect("it connects");
        let mut sent = Vec::new();
        let ended = timeout(Duration::from_secs(5), socket.read_to_end(&mut sent)).await;
        ended.expect("the socket ends").expect("in good order");
        assert_eq!(sent, b"AMQP\x00\x00\x09\x01");
    }
    given_up(
        &RabbitMq::new(&url, Options { connect_deadline: Duration::from_secs(4), ..options }).expect("a URL"),
    )
    .await;
    let start = Instant::now();
    while threads() > 0 {
        assert!(start.elapsed() < Duration::from_secs(5), "{} threads are left", threads());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A call whose caller does not wait for its end.
async fn given_up(publisher: &RabbitMq) {
    // That is what the thread is called; it is there once the broker was asked for its version in vain.
    let looking = async {
        while threads() != 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        outcome = publisher.check() => panic!("nothing is answered: {outcome:?}"),
        () = looking => {}
    }
}
