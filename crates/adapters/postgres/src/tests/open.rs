use portcullis_domain::{
    commit::Expected,
    port::{EventStore, FeedCursor, StoreError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{
    Database, append, is_unavailable,
    schema::{Schema, connect, server},
    stream,
};
use crate::{OpenError, Options, Postgres, migration::check_version};

async fn refusal(url: &str) -> OpenError {
    let error = Postgres::connect(url, Options::default()).await.map(drop).expect_err("refused");
    let text = format!("{error}{error:?}");
    assert!(!text.contains("hunter2"), "a password in {text}");
    assert!(!error.to_string().contains('\n'));
    error
}

/// A server that answers a connection's first message with these bytes, whatever it asks.
async fn answering(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let _ = client.read(&mut [0; 1_024]).await;
            let _ = client.write_all(bytes).await;
        }
    });
    format!("postgres://jane:hunter2@{address}/portcullis")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_that_start_at_once_migrate_once() {
    let schema = Schema::new();
    let starting = (0..10).map(|_| {
        let url = schema.url().to_owned();
        tokio::spawn(async move { Postgres::connect(&url, Options::default()).await })
    });
    let stores = futures::future::join_all(starting.collect::<Vec<_>>()).await;
    for (number, store) in stores.into_iter().enumerate() {
        let store = store.expect("no panic").expect("opens");
        store.commit(append(stream(number as u128), Expected::New)).await.expect("kept");
    }
    let other = connect(schema.url()).await;
    let rows = other.query("SELECT version FROM __diesel_schema_migrations", &[]).await.expect("read");
    let known = Postgres::migrations(schema.url(), Options::default()).await.expect("listed");
    assert_eq!(rows.len(), known.len());
}

/// The runtime has no thread to spare: migrating must not need one.
#[tokio::test]
async fn it_opens_on_a_runtime_of_one_thread() {
    let schema = Schema::new();
    let store = Postgres::connect(schema.url(), Options::default()).await.expect("opens");
    store.commit(append(stream(1), Expected::New)).await.expect("kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_from_a_newer_version_is_refused_and_left_as_it_is() {
    let schema = Schema::new();
    let url = schema.url();
    drop(Postgres::connect(url, Options::default()).await.expect("opens"));
    let other = connect(url).await;
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')";
    other.batch_execute(newer).await.expect("written");
    let errors = [
        refusal(url).await,
        Postgres::connect_read_only(url, Options::default()).await.map(drop).expect_err("refused"),
        Postgres::migrate(url, Options::default()).await.map(drop).expect_err("refused"),
        Postgres::migrations(url, Options::default()).await.map(drop).expect_err("refused"),
        Postgres::revert_migration(url, Options::default()).await.map(drop).expect_err("refused"),
    ];
    for error in errors {
        assert!(
            matches!(&error, OpenError::Newer { migration, .. } if migration == "29990101000000"),
            "{error:?}"
        );
    }
    other.batch_execute("SELECT 1 FROM events").await.expect("nothing was reverted");
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_are_applied_listed_and_reverted() {
    let schema = Schema::new();
    let (url, options) = (schema.url(), Options::default());
    let all: Vec<_> = Postgres::migrations(url, options)
        .await
        .expect("listed")
        .into_iter()
        .map(|migration| migration.name)
        .collect();
    assert_eq!(all[0], "2026-11-20-000000_first_schema");
    assert_eq!(Postgres::pending_migrations(url, options).await.expect("listed"), all);
    let made = "SELECT to_regnamespace(split_part(current_setting('search_path'), ',', 1)) IS NOT NULL";
    let other = connect(url).await;
    let is_made: bool = other.query_one(made, &[]).await.expect("asked").get(0);
    assert!(!is_made, "listing makes no schema");
    assert!(matches!(
        Postgres::connect_read_only(url, options).await.map(drop),
        Err(OpenError::Outdated { .. })
    ));

    assert_eq!(Postgres::migrate(url, options).await.expect("migrated"), all);
    assert_eq!(Postgres::migrate(url, options).await.expect("nothing to do"), [""; 0]);
    let store = Postgres::connect(url, options).await.expect("opens");
    store.commit(append(stream(1), Expected::New)).await.expect("kept");
    drop(store);

    for name in all.iter().rev() {
        assert_eq!(Postgres::revert_migration(url, options).await.expect("reverted").as_ref(), Some(name));
    }
    assert_eq!(Postgres::revert_migration(url, options).await.expect("none is left"), None);
    let left = "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace
                AND relkind IN ('r', 'S') AND relname NOT LIKE '\\_\\_diesel%'";
    let left: i64 = other.query_one(left, &[]).await.expect("asked").get(0);
    assert_eq!(left, 0, "tables and sequences are left");
    let store = Postgres::connect(url, options).await.expect("opens");
    store.commit(append(stream(1), Expected::New)).await.expect("an empty log again");
}

#[tokio::test(flavor = "multi_thread")]
async fn opened_for_reading_alone_it_writes_nothing() {
    let schema = Schema::new();
    let writer = Postgres::connect(schema.url(), Options::default()).await.expect("opens");
    writer.commit(append(stream(1), Expected::New)).await.expect("kept");
    let reader = Postgres::connect_read_only(schema.url(), Options::default()).await.expect("opens");
    writer.commit(append(stream(1), Expected::Exactly(2))).await.expect("kept");
    assert_eq!(reader.head(stream(1)).await.expect("read").expect("a head").version, 4);
    assert_eq!(reader.read_feed(FeedCursor::START, 10).await.expect("read").len(), 4);
    assert!(is_unavailable(&reader.commit(append(stream(2), Expected::New)).await));
    assert!(matches!(reader.wait(FeedCursor::START).await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn who_is_not_let_in_is_told_so() {
    // What PostgreSQL says to a wrong password: severity, code and message.
    let url = answering(b"E\0\0\0\x23SFATAL\0C28P01\0Mwrong password\0\0").await;
    let error = refusal(&format!("{url}?sslmode=disable")).await;
    assert!(matches!(error, OpenError::Credentials { .. }), "{error:?}");

    let mut config: Vec<_> = server().splitn(2, "://").map(str::to_owned).collect();
    let address = config.pop().expect("an address");
    let address = address.rsplit_once('@').map_or(address.clone(), |(_, address)| address.to_owned());
    let url = format!("postgres://nobody_knows_them:hunter2@{address}");
    assert!(matches!(refusal(&url).await, OpenError::Credentials { .. }));
}

#[tokio::test]
async fn a_wrong_password_is_told_from_other_troubles() {
    let config: tokio_postgres::Config = server().parse().expect("a URL");
    let password = config.get_password().expect("the tests' server asks for a password");
    let password = String::from_utf8(password.to_vec()).expect("text");
    let url = server().replacen(&format!(":{password}@"), ":hunter2@", 1);
    assert!(matches!(refusal(&url).await, OpenError::Credentials { .. }));
    let url = server().replacen(&format!(":{password}@"), "@", 1);
    assert!(matches!(refusal(&url).await, OpenError::Credentials { .. }));
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let database = Database::new().await;
    let url = database.url().to_owned();
    drop(database);
    let error = refusal(&url).await;
    assert!(matches!(&error, OpenError::NoDatabase { server } if server.contains("test_")), "{error:?}");
}

#[tokio::test]
async fn nobody_at_the_address_is_told_from_a_refusal() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let error = refusal(&format!("postgres://jane:hunter2@{address}/portcullis")).await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn tls_that_is_asked_for_and_not_offered_is_refused() {
    let url = answering(b"N").await;
    for mode in ["require", "verify-ca", "verify-full"] {
        let error = refusal(&format!("{url}?sslmode={mode}")).await;
        assert!(matches!(error, OpenError::NoTls { .. }), "{mode}: {error:?}");
    }
    // The first byte of TLS is expected next, and never comes.
    let url = answering(b"Snothing of the kind").await;
    let error = refusal(&format!("{url}?sslmode=require")).await;
    assert!(matches!(error, OpenError::Tls { .. }), "{error:?}");
}

#[test]
fn a_server_that_is_too_old_is_refused() {
    for (number, version) in [(90_624, "9.6.24"), (120_022, "12.22")] {
        let error = check_version("the database", number, version).expect_err("too old");
        assert_eq!(
            error.to_string(),
            format!("the database runs PostgreSQL {version}, and 13 is the oldest that will do: upgrade it")
        );
    }
    for (number, version) in [(130_000, "13.0"), (150_014, "15.14"), (180_001, "18.1")] {
        check_version("the database", number, version).expect("new enough");
    }
}

#[tokio::test]
async fn who_may_not_create_tables_or_the_schema_is_told_which_right_is_missing() {
    let database = Database::new().await;
    let role = super::unique("role");
    let owner = database.bare().await;
    let sql =
        format!("CREATE ROLE {role} LOGIN PASSWORD 'hunter2'; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    owner.batch_execute(&sql).await.expect("made");
    let (_, address) = database.url().rsplit_once('@').expect("the tests' URL names a user");
    let url = format!("postgres://{role}:hunter2@{address}");
    let separator = if url.ends_with('?') { "" } else { "&" };
    let elsewhere = format!("{url}{separator}options=-csearch_path%3Dnowhere");
    let errors = [refusal(&url).await, refusal(&elsewhere).await];
    owner.batch_execute(&format!("DROP ROLE {role}")).await.expect("dropped");
    assert!(
        matches!(&errors[0], OpenError::Permission { object, .. } if object == "SCHEMA public"),
        "{:?}",
        errors[0]
    );
    assert!(
        matches!(&errors[1], OpenError::Permission { object, .. } if object.starts_with("DATABASE test_")),
        "{:?}",
        errors[1]
    );
}

#[tokio::test]
async fn a_url_that_does_not_read_is_refused_without_repeating_it() {
    for url in [
        "",
        "mysql://jane:hunter2@localhost/x",
        "postgres://jane:hunter2@localhost:port/x",
        "postgres://jane:hunter2@localhost/x?sslmode=hunter2",
        "postgres://jane:hunter2@localhost/x?colour=hunter2",
        "postgres://jane:hunter2@localhost/x?sslrootcert=%2Fnowhere%2Fca.pem&sslmode=verify-full",
    ] {
        assert!(matches!(refusal(url).await, OpenError::Url { .. }), "{url}");
    }
}
