//! Servers that the service cannot use: one line that says which setting and what to do, exit code 2, and nothing written.

use std::{io::Write, net::TcpListener};

use reqwest::Url;

use crate::{
    configuration::{expect_refusal, refusal},
    stack,
};

/// The server, and somebody whom it does not know.
fn stranger(server: &str) -> String {
    let mut url: Url = server.parse().expect("a URL");
    url.set_username("nobody").expect("it takes a user");
    url.set_password(Some("qu1et")).expect("it takes a password");
    url.into()
}

/// The server's user with another password.
fn wrong_password(server: &str) -> String {
    let mut url: Url = server.parse().expect("a URL");
    url.set_password(Some("qu1et")).expect("it takes a password");
    url.into()
}

fn other_database(server: &str) -> String {
    let mut url: Url = server.parse().expect("a URL");
    url.set_path("/nowhere");
    url.into()
}

/// The server, which offers no TLS, asked for it.
fn over_tls(server: &str) -> String {
    match server.split_once("://") {
        Some(("redis", rest)) => format!("rediss://{rest}"),
        Some(("amqp", rest)) => format!("amqps://{rest}"),
        _ => format!("{server}{}sslmode=require", if server.contains('?') { '&' } else { '?' }),
    }
}

/// What RabbitMQ 3.7 says to whoever connects, without what else it says of itself.
fn old_rabbitmq() -> String {
    const START: &[u8] = b"\x01\x00\x00\x00\x00\x00\x4c\
        \x00\x0a\x00\x0a\x00\x09\
        \x00\x00\x00\x27\x07productS\x00\x00\x00\x08RabbitMQ\x07versionS\x00\x00\x00\x053.7.9\
        \x00\x00\x00\x0ePLAIN AMQPLAIN\x00\x00\x00\x05en_US\xce";
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let mut clients = Vec::new();
        for mut client in listener.incoming().flatten() {
            // Whoever leaves early has read enough.
            let _ = client.write_all(START);
            clients.push(client);
        }
    });
    format!("amqp://jane:qu1et@{address}")
}

#[test]
fn a_server_that_does_not_let_it_in_is_named_by_its_setting() {
    let folder = tempfile::tempdir().expect("a folder");
    let (postgres, redis, rabbitmq) = (stack::postgres(), stack::redis(), stack::rabbitmq());
    let refused: &[&str] = &["refuses the user", "password", "correct"];
    for (setting, url, words) in [
        ("DATABASE_URL", wrong_password(&postgres), refused),
        ("DATABASE_URL", stranger(&postgres), refused),
        ("DATABASE_URL", other_database(&postgres), &["is not there", "create the database"]),
        ("DATABASE_URL", "postgres://jane:qu1et@127.0.0.1:1/x".to_owned(), &["no PostgreSQL answers"]),
        ("REDIS_URL", stranger(&redis), refused),
        ("AMQP_URL", wrong_password(&rabbitmq), refused),
        ("AMQP_URL", stranger(&rabbitmq), refused),
        ("AMQP_URL", old_rabbitmq(), &["is RabbitMQ 3.7.9", "upgrade it to 3.8 or later"]),
        ("DATABASE_URL", over_tls(&postgres), &["TLS", "sslmode"]),
        ("REDIS_URL", over_tls(&redis), &["does not offer TLS", "redis://"]),
        ("AMQP_URL", over_tls(&rabbitmq), &["no TLS", "amqp://"]),
    ] {
        expect_refusal(folder.path(), &[("PORT", "0"), (setting, &url)], setting, words);
        let line = refusal(folder.path(), &[("PORT", "0"), (setting, &url)], &["serve"]);
        assert!(!line.contains("qu1et"), "it shows a password: {line}");
    }
}
