use std::time::Duration;

use diesel_migrations::MigrationHarness;
use portcullis_domain::port::{Credentials, Sessions, UserQuery, Users};
use uuid::Uuid;

use super::{Folder, execute};
use crate::{Options, Sqlite, connection, migration::MIGRATIONS};

const FIRST: &str = "2026-11-20-000000_first_schema";
const DAY: i64 = 86_400_000_000;

/// A database as the first version leaves it, with a person who signed in twice.
fn first_version(folder: &Folder) {
    drop(std::fs::File::create(folder.database()).expect("writable"));
    let mut connection = connection::writing(&folder.database(), Duration::ZERO).expect("connects");
    connection.run_next_migration(MIGRATIONS).expect("applied");
    execute(
        &mut connection,
        &format!(
            "INSERT INTO users VALUES (x'{id}', 3, 'Jane@Example.com', 'jane@example.com', 'jane', 'ÄNNE Ѳома',
                 NULL, NULL, NULL, NULL, NULL, 'admin', 1, 1, 5, 6, 7);
             INSERT INTO claims VALUES ('email:jane@example.com', x'{id}');
             INSERT INTO credentials VALUES (x'{id}', '$scrypt$', 5);
             INSERT INTO sessions VALUES (x'{id}', x'{id}', 4, 1000, 2000, 3000, 4000, '127.0.0.1', 'curl/8');
             INSERT INTO sessions VALUES (x'{other}', x'{id}', 4, 1000, 2000, 3000, {beyond}, NULL, NULL);",
            id = Uuid::from_u128(1).simple(),
            other = Uuid::from_u128(2).simple(),
            beyond = 100 * DAY,
        ),
    );
}

#[tokio::test]
async fn a_database_of_the_first_version_is_brought_up_with_what_is_in_it() {
    let folder = Folder::new();
    first_version(&folder);
    let all = Sqlite::migrations(folder.database(), Options::default()).expect("listed");
    assert_eq!(
        all.iter().filter(|known| known.is_applied).map(|known| &known.name[..]).collect::<Vec<_>>(),
        [FIRST]
    );

    let store = folder.open();
    let id = Uuid::from_u128(1);
    let user = Users::find(&store, id.into()).await.expect("read").expect("still there");
    assert_eq!((user.version, user.unlocks, user.is_active, user.is_verified), (3, 0, true, true));
    let query = UserQuery { prefix: Some(UserQuery::prefix("Änne Ѳ")), ..UserQuery::default() };
    assert_eq!(store.list(&query, None, 10).await.expect("read"), [user], "letters of any script are folded");
    let credential = Credentials::find(&store, id.into()).await.expect("read").expect("still there");
    assert_eq!((credential.password.expose(), &credential.history[..]), ("$scrypt$", &[][..]));

    let session = Sessions::find(&store, id.into()).await.expect("read").expect("still there");
    assert_eq!(session.ends_at.timestamp_micros(), 1000 + 90 * DAY);
    assert_eq!(session.expires_at.timestamp_micros(), 4000, "it may be refreshed until then");
    let session =
        Sessions::find(&store, Uuid::from_u128(2).into()).await.expect("read").expect("still there");
    assert_eq!(session.expires_at, session.ends_at, "no session lasts beyond its end");
}

#[tokio::test]
async fn going_back_to_the_first_version_keeps_what_that_had() {
    let folder = Folder::new();
    first_version(&folder);
    drop(folder.open());
    execute(
        &mut folder.bare(),
        "INSERT INTO claims VALUES ('business_number:123', zeroblob(16));
         INSERT INTO one_time_codes SELECT zeroblob(16), id, 'reset_password', 0, 0 FROM users;
         INSERT INTO members SELECT id, zeroblob(16), 'owner', 'active', 0 FROM users;
         INSERT INTO login_attempts SELECT id, id, 0, NULL, NULL, NULL FROM users;",
    );
    for applied in
        Sqlite::migrations(folder.database(), Options::default()).expect("listed").iter().skip(1).rev()
    {
        let reverted = Sqlite::revert_migration(folder.database(), Options::default()).expect("reverted");
        assert_eq!(reverted.as_ref(), Some(&applied.name));
    }
    let mut old = folder.bare();
    for (table, rows) in
        [("users", 1), ("credentials", 1), ("sessions", 2), ("claims", 1), ("one_time_codes", 0)]
    {
        let check = format!(
            "CREATE TEMP TABLE {table}_counted (n CHECK (n = {rows}));
                             INSERT INTO {table}_counted SELECT count(*) FROM {table}"
        );
        execute(&mut old, &check);
    }
    drop(old);
    let user =
        Users::find(&folder.open(), Uuid::from_u128(1).into()).await.expect("read").expect("still there");
    assert_eq!(user.profile.name.as_str(), "ÄNNE Ѳома");
}
