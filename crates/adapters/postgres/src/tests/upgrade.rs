use portcullis_domain::{
    port::{Credentials, Sessions, UserQuery, Users},
    value::{Email, Username},
};
use uuid::Uuid;

use super::Database;
use crate::{Options, Postgres};

const FIRST: &str = "2026-11-20-000000_first_schema";

/// As the first version wrote them.
const ROWS: &str = "
    INSERT INTO users (id, version, email, email_folded, username, name, role, is_active, is_verified, created_at, updated_at)
    VALUES ('00000000-0000-0000-0000-000000000001', 3, 'Jane@example.com', 'jane@example.com', 'jane', 'ÉMILE Ωmega', 'user', true,
            true, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z');
    INSERT INTO credentials VALUES ('00000000-0000-0000-0000-000000000001', '$scrypt$', '2026-01-01T00:00:00Z');
    INSERT INTO sessions (id, user_id, generation, created_at, rotated_at, last_seen_at, expires_at)
    SELECT id::uuid, '00000000-0000-0000-0000-000000000001', 1, '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z',
           '2026-01-02T00:00:00Z', expires_at::timestamptz
    FROM (VALUES ('00000000-0000-0000-0000-000000000002', '2026-02-01T00:00:00Z'),
                 ('00000000-0000-0000-0000-000000000003', '2026-12-01T00:00:00Z')) AS given (id, expires_at)";

/// Back to the first version's schema, empty.
async fn as_first(database: &Database) {
    let (url, options) = (database.url(), Options::default());
    Postgres::migrate(url, options).await.expect("migrated");
    loop {
        let applied = Postgres::migrations(url, options).await.expect("listed");
        if applied.iter().filter(|migration| migration.is_applied).count() == 1 {
            assert!(applied[0].is_applied && applied[0].name == FIRST);
            return;
        }
        Postgres::revert_migration(url, options).await.expect("reverted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_the_first_version_is_upgraded_with_its_data() {
    let database = Database::new().await;
    as_first(&database).await;
    database.bare().await.batch_execute(ROWS).await.expect("written");
    let store = database.open().await;

    let user = store.find_by_email(&Email::new("jane@EXAMPLE.com")).await.expect("read").expect("there");
    assert_eq!((user.version, user.unlocks), (3, 0));
    let same = store.find_by_username(&Username::new("jane")).await.expect("read");
    assert_eq!(same.as_ref(), Some(&user));
    let credential = Credentials::find(&store, user.id).await.expect("read").expect("there");
    assert_eq!((credential.password.expose(), credential.history.len()), ("$scrypt$", 0));

    let session = |number| {
        let store = &store;
        async move { Sessions::find(store, Uuid::from_u128(number).into()).await.expect("read").expect("there") }
    };
    let (short, long) = (session(2).await, session(3).await);
    assert_eq!(short.ends_at.to_rfc3339(), "2026-04-01T00:00:00+00:00");
    assert_eq!(short.expires_at.to_rfc3339(), "2026-02-01T00:00:00+00:00");
    assert_eq!(long.expires_at, long.ends_at);

    // Found by a name with letters beyond ASCII, though this database's own locale knows none.
    let query = UserQuery { prefix: Some(UserQuery::prefix("Émile ΩM")), ..UserQuery::default() };
    assert_eq!(store.list(&query, None, 10).await.expect("listed"), [user]);
}
