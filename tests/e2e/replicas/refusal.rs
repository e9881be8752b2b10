//! Servers that the service cannot use: one line that says which setting and what to do, exit code 2, and nothing written.

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
    ] {
        expect_refusal(folder.path(), &[("PORT", "0"), (setting, &url)], setting, words);
        let line = refusal(folder.path(), &[("PORT", "0"), (setting, &url)], &["serve"]);
        assert!(!line.contains("qu1et"), "it shows a password: {line}");
    }
}
