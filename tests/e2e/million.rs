//! Lists of users where there are very many of them. `just million` has a million, and prints what a page takes.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    client::{Client, Tokens},
    database,
    server::Server,
    stack::Place,
};

/// How many there are in the ordinary run.
const SOME: u64 = 3_000;
/// How many of them PostgreSQL gets at a time.
const PORTION: usize = 20_000;
/// How often each list is asked for where that is to be timed.
const TIMES: usize = 100;
const COMPANY: &str = "30303030-3030-3030-3030-303030303037";

/// What is asked, and about how many of a million it finds in all.
const LISTS: [(&str, &str); 14] = [
    ("all, newest first", ""),
    ("by role, one in ten", "&role=moderator"),
    ("by role, one in a thousand", "&role=admin"),
    ("deactivated, one in twenty", "&is_active=false"),
    ("by role and activity", "&role=moderator&is_active=true"),
    ("members of one company", "&company_id=30303030-3030-3030-3030-303030303037"),
    ("prefix of a few", "&q=person%20abcd"),
    ("prefix of all", "&q=person"),
    ("prefix of nobody", "&q=nobody-of-this-name"),
    ("prefix of all, of one role", "&q=person&role=admin"),
    ("prefix of all, deactivated", "&q=person&is_active=false"),
    ("role and activity of nobody", "&role=user&is_active=false"),
    ("prefix of all, and of nobody", "&q=person&role=user&is_active=false"),
    ("prefix of all, in one company", "&q=person&company_id=30303030-3030-3030-3030-303030303037"),
];

/// The plans of what is asked above, in words of SQL that both stores know.
const PLANS: [(&str, &str); 4] = [
    ("all, newest first", "SELECT * FROM users ORDER BY id DESC LIMIT 51"),
    ("by role", "SELECT * FROM users WHERE role = 'moderator' ORDER BY id DESC LIMIT 51"),
    (
        "members of one company",
        "SELECT users.* FROM users JOIN members ON members.user_id = users.id WHERE members.company_id = COMPANY ORDER BY members.user_id DESC LIMIT 51",
    ),
    (
        "prefix, in one of the three indexes that are merged",
        "SELECT name_folded, id FROM users WHERE name_folded >= 'person abcd' AND name_folded < 'person abce' ORDER BY name_folded, id LIMIT 51",
    ),
];

#[expect(clippy::disallowed_methods, reason = "the recipe says how many by the environment")]
fn how_many() -> u64 {
    std::env::var("MILLION_USERS").map_or(SOME, |count| count.parse().expect("a number"))
}

/// People as an import leaves them, names and addresses in no order. Ids are 16 digits, which are as good as any 16 bytes.
fn fill_sqlite(count: u64) -> String {
    format!(
        "PRAGMA synchronous = OFF; BEGIN;
         WITH RECURSIVE numbers(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM numbers WHERE i < {count} + 9)
         INSERT INTO users (id, version, email, email_folded, username, name, role, is_active, is_verified, created_at, updated_at, unlocks, name_folded)
         SELECT CAST(printf('%016d', i) AS BLOB), 1, hash || '.' || i || '@example.com', hash || '.' || i || '@example.com', 'u' || i,
                'Person ' || hash, CASE WHEN i % 1000 = 0 THEN 'admin' WHEN i % 10 = 0 THEN 'moderator' ELSE 'user' END,
                i % 20 <> 0, 1, 1577836800000000 + i * 1000000, 1577836800000000 + i * 1000000, 0, 'person ' || hash
         FROM (SELECT i, printf('%08x', (i * 2654435761) % 4294967296) AS hash FROM numbers);
         INSERT INTO companies VALUES (CAST('0000000000000007' AS BLOB), 1, 'Smith & Sons', NULL, NULL, NULL, 1, 0, 0);
         INSERT INTO members SELECT id, CAST('0000000000000007' AS BLOB), 'member', 'active', 0 FROM users WHERE email LIKE '%05@example.com' LIMIT 1000;
         COMMIT; ANALYZE"
    )
}

/// A part of the people, in a transaction of its own: whoever reads the feed of this server, in whatever database, waits for those that
/// are under way.
fn fill_postgres(first: u64, last: u64) -> String {
    format!(
        "INSERT INTO users (id, version, email, email_folded, username, name, role, is_active, is_verified, created_at, updated_at, unlocks, name_folded)
         SELECT encode(convert_to(lpad(i::text, 16, '0'), 'UTF8'), 'hex')::uuid, 1, hash || '.' || i || '@example.com', hash || '.' || i || '@example.com',
                'u' || i, 'Person ' || hash, CASE WHEN i % 1000 = 0 THEN 'admin' WHEN i % 10 = 0 THEN 'moderator' ELSE 'user' END,
                i % 20 <> 0, true, '2020-01-01T00:00:00Z'::timestamptz + i * interval '1 second', '2020-01-01T00:00:00Z', 0, 'person ' || hash
         FROM (SELECT i, lpad(to_hex((i * 2654435761) % 4294967296), 8, '0') AS hash FROM generate_series({first}::bigint, {last}) AS i) AS people"
    )
}

/// A thousand of them belong to one.
fn found_company() -> String {
    format!(
        "INSERT INTO companies VALUES ('{COMPANY}', 1, 'Smith & Sons', NULL, NULL, NULL, true, now(), now());
         INSERT INTO members SELECT id, '{COMPANY}', 'member', 'active', now() FROM users WHERE email LIKE '%05@example.com' LIMIT 1000;
         ANALYZE users, companies, members"
    )
}

/// One list, asked for again and again.
async fn time_list(client: &Client, admin: &Tokens, query: &str, times: usize) -> (usize, Vec<Duration>) {
    let (mut taken, mut found) = (Vec::new(), 0);
    for _ in 0..times {
        let started = Instant::now();
        let answer = client.get(&format!("/users?limit=50{query}"), &admin.access).await;
        taken.push(started.elapsed());
        found = answer.expect(200)["items"].as_array().expect("a list").len();
    }
    taken.sort_unstable();
    (found, taken)
}

/// How many a list finds in its first pages, each of whom is another.
async fn walk(client: &Client, admin: &Tokens, query: &str, pages: usize) -> usize {
    let (mut seen, mut cursor) = (std::collections::HashSet::new(), String::new());
    for _ in 0..pages {
        let answer = client.get(&format!("/users?limit=200{query}{cursor}"), &admin.access).await;
        let body = answer.expect(200);
        for user in body["items"].as_array().expect("a list") {
            assert!(seen.insert(user["id"].to_string()), "{query}: {user} is listed twice");
        }
        match &body["next_cursor"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => break,
        }
    }
    seen.len()
}

/// Asks for every list; says what each took.
async fn measure(store: &str, server: &Server, count: u64) -> String {
    let client = Client::of(server);
    let admin = client.admin(server, "root@example.com").await;
    let times = if count > SOME { TIMES } else { 5 };
    let mut table = format!(
        "{store}, {count} users: milliseconds of GET /users?limit=50 over HTTP, {times} times each\n"
    );
    for (what, query) in LISTS {
        let (found, taken) = time_list(&client, &admin, query, times).await;
        let milliseconds = |part: usize| taken[(taken.len() - 1) * part / 100].as_secs_f64() * 1000.0;
        let (median, late) = (milliseconds(50), milliseconds(95));
        let _ = writeln!(table, "  {what:<32} {found:>3} found  median {median:>8.2}  p95 {late:>8.2}");
    }
    // The administrator is one more.
    let all = usize::try_from(count).expect("fits") + 1;
    assert_eq!(walk(&client, &admin, "", 4).await, all.min(800), "no gap, no repeat");
    assert_eq!(walk(&client, &admin, "&q=person", 4).await, (all - 1).min(800));
    assert_eq!(walk(&client, &admin, "&role=moderator", 100).await, (all / 10 - all / 1000).min(20_000));
    assert_ne!(walk(&client, &admin, "&q=u17", 1).await, 0, "usernames are searched, too");
    table
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_very_many_are_as_quick_as_of_few_on_sqlite() {
    let count = how_many();
    let mut server = Server::start_on(&[]);
    assert!(server.stop().success());
    let (path, started) = (server.data().join("portcullis.db"), Instant::now());
    database::query(&path, &fill_sqlite(count));
    let filled = started.elapsed();
    server.restart();
    let table = measure("SQLite", &server, count).await;
    print(&format!("filled in {filled:.1?}\n{table}"));
    for (what, sql) in PLANS {
        let sql = sql.replace("COMPANY", "CAST('0000000000000007' AS BLOB)");
        let plan = database::query(&path, &format!("EXPLAIN QUERY PLAN {sql}"));
        // In the order of the table itself a scan ends with the limit.
        let is_in_order = !plan.contains("SCAN users\n") || what == PLANS[0].0;
        assert!(is_in_order && !plan.contains("TEMP B-TREE"), "{what}: {plan}");
        print(&format!("plan of {what}:\n{plan}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_very_many_are_as_quick_as_of_few_on_postgres() {
    let count = how_many();
    let place = Place::new();
    let settings = place.settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = Server::start_on(&settings);
    let started = Instant::now();
    let end = count + 10;
    for first in (10..end).step_by(PORTION) {
        let last = (first + PORTION as u64).min(end) - 1;
        place.query(&fill_postgres(first, last)).await;
    }
    place.query(&found_company()).await;
    // As the server does by itself a little later.
    place.query("VACUUM ANALYZE users").await;
    let filled = started.elapsed();
    let table = measure("PostgreSQL", &server, count).await;
    print(&format!("filled in {filled:.1?}\n{table}"));
    for (what, sql) in PLANS {
        let sql = sql.replace("COMPANY", &format!("'{COMPANY}'"));
        let plan = place.query(&format!("EXPLAIN {sql}")).await.concat().join("\n");
        // Of a few thousand the server may well read all.
        assert!(count < 100_000 || !plan.contains("Seq Scan on users"), "{what}: {plan}");
        print(&format!("plan of {what}:\n{plan}\n"));
    }
}

/// For whoever runs the recipe.
#[expect(clippy::print_stdout, reason = "the recipe's output")]
fn print(text: &str) {
    println!("{text}");
}
