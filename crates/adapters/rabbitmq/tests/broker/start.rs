//! What is said at the start where a broker cannot be used.

use std::time::Duration;

use lapin::{ExchangeKind, options::ExchangeDeclareOptions, types::FieldTable};
use portcullis_rabbitmq::{ConnectError, RabbitMq, Url};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{Broker, broker_url, options};

/// What came of a start, which says nothing of the password.
async fn refused(url: &str, exchange: &str) -> ConnectError {
    let error = RabbitMq::connect(url, options(exchange)).await.expect_err("it is refused");
    let password = url.parse::<Url>().expect("a URL").password().unwrap_or("no password").to_owned();
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains(&password), "{text}");
    }
    error
}

/// A server that says this to everybody, and no more.
async fn server_that_says(text: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut sockets = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            // Whoever leaves early has read enough.
            let _ = socket.write_all(text).await;
            sockets.push(socket);
        }
    });
    address.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_or_user_is_said() {
    for user in [None, Some("nobody")] {
        let mut url = broker_url();
        url.set_password(Some("wrong-secret")).expect("it has a host");
        if let Some(user) = user {
            url.set_username(user).expect("it has a host");
        }
        let user = url.username().to_owned();
        let error = refused(url.as_str(), "portcullis.events").await;
        assert!(
            matches!(&error, ConnectError::Credentials { user: named, .. } if *named == user),
            "{error:?}"
        );
        assert!(!error.is_outage());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_virtual_host_that_is_missing_is_said() {
    for (path, name) in [("/nowhere", "nowhere"), ("/", "")] {
        let mut url = broker_url();
        url.set_path(path);
        let error = refused(url.as_str(), "portcullis.events").await;
        assert!(matches!(&error, ConnectError::VirtualHost { vhost, .. } if vhost == name), "{error:?}");
        assert!(!error.is_outage());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_of_another_kind_is_said() {
    let broker = Broker::start().await;
    let other = format!("{}.other", broker.exchange);
    // Not durable and gone with its user.
    let declared = ExchangeDeclareOptions { auto_delete: true, ..ExchangeDeclareOptions::default() };
    let declaring = broker.channel.exchange_declare(
        other.as_str().into(),
        ExchangeKind::Fanout,
        declared,
        FieldTable::default(),
    );
    declaring.await.expect("declared");
    let error = refused(broker_url().as_str(), &other).await;
    assert!(matches!(&error, ConnectError::ExchangeKind { exchange } if *exchange == other), "{error:?}");
    assert!(!error.is_outage());
    let delete = lapin::options::ExchangeDeleteOptions::default();
    broker.channel.exchange_delete(other.as_str().into(), delete).await.expect("deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_no_exchange_can_have_are_said() {
    for name in ["", "amq.events", &"x".repeat(256)] {
        let error = refused(broker_url().as_str(), name).await;
        assert!(matches!(error, ConnectError::ExchangeName { .. }), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_without_tls_is_said() {
    let mut url = broker_url().to_string();
    assert!(url.starts_with("amqp://"), "the tests' broker is asked without TLS");
    url.replace_range(..4, "amqps");
    let error = refused(&url, "portcullis.events").await;
    assert!(matches!(error, ConnectError::NoTls { .. }), "{error:?}");
    assert!(!error.is_outage());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_speaks_something_else_is_said() {
    let others: [&[u8]; 3] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        // An alert of TLS: an unexpected message.
        b"\x15\x03\x03\x00\x02\x02\x0a",
        // A broker that speaks AMQP 1.0 alone.
        b"AMQP\x00\x01\x00\x00",
    ];
    for other in others {
        let address = server_that_says(other).await;
        let error = refused(&format!("amqp://jane:secret@{address}"), "portcullis.events").await;
        assert!(
            matches!(&error, ConnectError::NotAmqp { address: named } if *named == address),
            "{other:?}: {error:?}"
        );
        assert!(!error.is_outage());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rabbitmq_that_is_too_old_is_said_with_both_versions() {
    // `Connection.Start` as RabbitMQ 3.7 says it, without what else it says of itself.
    let start = b"\x01\x00\x00\x00\x00\x00\x4c\
        \x00\x0a\x00\x0a\x00\x09\
        \x00\x00\x00\x27\x07productS\x00\x00\x00\x08RabbitMQ\x07versionS\x00\x00\x00\x053.7.9\
        \x00\x00\x00\x0ePLAIN AMQPLAIN\x00\x00\x00\x05en_US\xce";
    let address = server_that_says(start).await;
    let error = refused(&format!("amqp://jane:secret@{address}"), "portcullis.events").await;
    let said = format!("the broker at {address} is RabbitMQ 3.7.9: upgrade it to 3.8 or later");
    assert_eq!(error.to_string(), said);
    assert!(!error.is_outage());
}

/// A method of AMQP 0-9-1 as a frame, with its arguments as they are on the wire.
fn method(channel: u8, class: u8, method: u8, arguments: &[u8]) -> Vec<u8> {
    let size = u32::try_from(4 + arguments.len()).expect("short").to_be_bytes();
    [&[1, 0, channel], &size[..], &[0, class, 0, method], arguments, &[0xce]].concat()
}

/// A broker that lets everybody in, and nobody declare anything.
async fn broker_without_permissions() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                // Whoever leaves ends the conversation.
                let _ = converse(&mut socket).await;
            });
        }
    });
    address.to_string()
}

async fn converse(socket: &mut TcpStream) -> std::io::Result<()> {
    socket.read_exact(&mut [0; 8]).await?;
    let start = b"\x00\x09\x00\x00\x00\x00\x00\x00\x00\x05PLAIN\x00\x00\x00\x05en_US";
    socket.write_all(&method(0, 10, 10, start)).await?;
    loop {
        let mut header = [0; 7];
        socket.read_exact(&mut header).await?;
        let size = u32::from_be_bytes([header[3], header[4], header[5], header[6]]);
        let mut payload = vec![0; usize::try_from(size).expect("short") + 1];
        socket.read_exact(&mut payload).await?;
        let channel = header[2];
        let answer = match (payload[1], payload[3]) {
            // Connection: start-ok, open, close.
            (10, 11) => method(0, 10, 30, &[0, 0, 0, 2, 0, 0, 0, 0]),
            (10, 40) => method(0, 10, 41, &[0]),
            (10, 50) => method(0, 10, 51, &[]),
            // Channel: open. Confirm: select. Exchange: declare, which ends the channel.
            (20, 10) => method(channel, 20, 11, &[0, 0, 0, 0]),
            (85, 10) => method(channel, 85, 11, &[]),
            (40, 10) => method(channel, 20, 40, b"\x01\x93\x0eACCESS_REFUSED\x00\x28\x00\x0a"),
            _ => continue,
        };
        socket.write_all(&answer).await?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_permission_is_said() {
    let address = broker_without_permissions().await;
    let error = refused(&format!("amqp://jane:secret@{address}"), "portcullis.events").await;
    assert!(
        matches!(&error, ConnectError::Permission { user, exchange } if user == "jane" && exchange == "portcullis.events"),
        "{error:?}"
    );
    assert!(!error.is_outage());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_not_there_is_said_and_may_come() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("bound");
    let silent = server_that_says(b"").await;
    for address in [nobody.to_string(), silent, "broker.invalid:5672".to_owned()] {
        let start = std::time::Instant::now();
        let error = refused(&format!("amqp://jane:secret@{address}"), "portcullis.events").await;
        assert!(
            matches!(&error, ConnectError::Unreachable { address: named, .. } if *named == address),
            "{error:?}"
        );
        assert!(error.is_outage());
        assert!(start.elapsed() < Duration::from_secs(5), "{address}: {:?}", start.elapsed());
    }
}
