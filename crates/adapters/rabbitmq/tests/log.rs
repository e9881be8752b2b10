//! What the log says of messages. In a process of its own: which log lines are wanted is a setting of the whole process.

#[expect(dead_code, reason = "the log needs not all of what tests share")]
mod support;

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use portcullis_domain::{
    event::EventData,
    port::{Message, PublishError, Publisher},
};
use support::{Broker, message};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("free").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// `jane@example.com`, as bytes are written by `Debug`.
const AS_BYTES: &str = "106, 97, 110, 101, 64, 101, 120, 97, 109, 112, 108, 101";

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_when_the_broker_comes_and_goes_and_nothing_of_what_messages_say() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .init();
    let broker = Broker::start().await;
    let data = EventData::from_stored(r#"{"email":"jane@example.com"}"#);
    let batch: Vec<_> =
        (0..200).map(|number| Message { data: data.clone(), ..message("user.created", number) }).collect();
    let outcome = broker.publisher.publish(&batch).await;
    assert!(matches!(outcome, Err(PublishError::Unroutable(_))), "without queues all come back: {outcome:?}");
    broker.bind("consumer", "#").await;
    for round in 1..=10 {
        broker.proxy.cut_after(20_000 * round);
        let calls = (0..4).map(|_| broker.publisher.publish(&batch));
        let outcomes = futures::future::join_all(calls).await;
        assert!(outcomes.iter().any(Result::is_err), "the line is cut in the middle");
        broker.publisher.publish(&batch).await.expect_err("the line is cut");
        broker.proxy.mend();
        while broker.publisher.publish(&batch).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let log = String::from_utf8(log.0.lock().expect("free").clone()).expect("text");
    for line in
        ["connected to the broker", "the connection to the broker is given up", "no connection to the broker"]
    {
        assert!(log.contains(line), "{line}");
    }
    let password = support::broker_url().password().expect("a password").to_owned();
    for secret in ["jane@example.com", AS_BYTES, &password] {
        let line = log.lines().find(|line| line.contains(secret)).map(|line| &line[..line.len().min(300)]);
        assert_eq!(line, None, "{secret}");
    }
}
