//! Lists of a hundred thousand users, and how the server finds a page of them.

use std::time::Duration;

use diesel::{
    QueryResult,
    pg::Pg,
    prelude::QueryableByName,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::Text,
};
use portcullis_domain::{
    caller::Role,
    id::UserId,
    port::{UserCursor, UserQuery, Users},
};
use tokio::time::Instant;
use uuid::Uuid;

use super::Database;
use crate::{
    Postgres,
    row::user_list::{Statement, candidates, newest_first, of_company},
};

const USERS: i64 = 100_000;
const LIMIT: usize = 50;
/// Of each of three indexes three times the page for each of three roles, which are sorted and cut down.
const MOST_ROWS: u64 = 27 * LIMIT as u64;
/// A row and a page of its index each, and the way down to it; the whole of an index is thousands.
const MOST_PAGES: u64 = 2 * MOST_ROWS;
const COMPANY: u128 = 77;

/// Names, addresses and usernames all begin alike, as those of whom a test or an import made; one in a hundred is no common user, one
/// in a hundred is not active, and a thousand belong to a company.
const MANY: &str = "
    INSERT INTO users (id, version, email, email_folded, username, name, name_folded, role, is_active, is_verified, unlocks,
                       created_at, updated_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 1, email, email, CASE WHEN n % 3 = 0 THEN 'user' || lpad(n::text, 7, '0') END,
           'User ' || lpad(n::text, 7, '0'), 'user ' || lpad(n::text, 7, '0'), CASE WHEN n % 100 = 0 THEN 'moderator' ELSE 'user' END, n % 100 <> 1,
           true, 0, now(), now()
    FROM generate_series(1, $1::bigint) AS n, concat('user', lpad((n * 7919 % $1)::text, 7, '0'), '@example.com') AS email";

const COMPANIES: &str = "
    INSERT INTO companies (id, version, name, is_active, created_at, updated_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 1, 'Company', true, now(), now() FROM generate_series(1, 100) AS n;
    INSERT INTO members (user_id, company_id, role, status, joined_at)
    SELECT id, lpad(to_hex(76 + row_number() OVER (ORDER BY id) % 2), 32, '0')::uuid, 'member', 'active', now() FROM users
    WHERE id < '00000000-0000-0000-0000-0000000007d1';
    VACUUM ANALYZE users, companies, members";

struct Explain(Statement);

impl Query for Explain {
    type SqlType = diesel::sql_types::Untyped;
}

impl QueryId for Explain {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for Explain {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.unsafe_to_cache_prepared();
        pass.push_sql("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF) ");
        self.0.walk_ast(pass)
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    text: String,
}

pub(super) async fn explain(store: &Postgres, statement: Statement) -> String {
    use diesel_async::RunQueryDsl;

    let mut connection = store.connection().await.expect("free");
    let lines: Vec<Line> = Explain(statement).load(&mut connection).await.expect("explained");
    lines.into_iter().map(|line| line.text + "\n").collect()
}

/// All from indexes, of no step more than a few times the page, and of the files no more than that takes.
fn assert_is_quick(what: &str, plan: &str) {
    assert!(!plan.contains("Seq Scan"), "{what}\n{plan}");
    assert!(plan.contains("Index"), "{what}\n{plan}");
    let rows: Vec<_> =
        numbers(plan, "(actual rows=").chain(numbers(plan, "Rows Removed by Filter: ")).collect();
    assert!(!rows.is_empty() && rows.iter().all(|rows| *rows <= MOST_ROWS), "{what}\n{plan}");
    // The first line of them is the whole statement's.
    let pages = plan.lines().find(|line| line.contains("Buffers: ")).expect("what was read");
    let pages: u64 = numbers(pages, "hit=").chain(numbers(pages, "read=")).sum();
    assert!(pages <= MOST_PAGES, "{what}\n{plan}");
}

/// What follows each of these words.
pub(super) fn numbers<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = u64> + 't {
    text.split(word).skip(1).map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
    })
}

async fn filled() -> (Database, Postgres) {
    let database = Database::new().await;
    let store = database.open().await;
    let other = database.bare().await;
    other.execute(MANY, &[&USERS]).await.expect("filled");
    for statement in COMPANIES.split(';') {
        other.batch_execute(statement).await.expect("filled");
    }
    (database, store)
}

fn queries(prefix: Option<&str>) -> Vec<(&'static str, UserQuery)> {
    let all = UserQuery { prefix: prefix.map(UserQuery::prefix), ..UserQuery::default() };
    let company = Some(Uuid::from_u128(COMPANY).into());
    vec![
        ("all", all.clone()),
        ("common users", UserQuery { role: Some(Role::User), ..all.clone() }),
        ("moderators", UserQuery { role: Some(Role::Moderator), ..all.clone() }),
        ("admins, of whom there are none", UserQuery { role: Some(Role::Admin), ..all.clone() }),
        ("active ones", UserQuery { is_active: Some(true), ..all.clone() }),
        ("those who are not active", UserQuery { is_active: Some(false), ..all.clone() }),
        (
            "active moderators",
            UserQuery { role: Some(Role::Moderator), is_active: Some(true), ..all.clone() },
        ),
        // As many as one in ten thousand, by what the server knows of each of the two.
        (
            "moderators who are not active, of whom there are none",
            UserQuery { role: Some(Role::Moderator), is_active: Some(false), ..all.clone() },
        ),
        ("a company's", UserQuery { company, ..all }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_long_list_comes_from_indexes() {
    let (_database, store) = filled().await;
    for (what, query) in queries(None) {
        let first = store.list(&query, None, LIMIT).await.expect("listed");
        let after = first.last().map(|user| query.cursor_after(user));
        for after in [None, after] {
            let plan = explain(&store, newest_first(&query, after.as_ref(), LIMIT)).await;
            assert_is_quick(what, &plan);
            assert!(!plan.contains("Sort"), "{what}\n{plan}");
        }
        // However deep in the list.
        let deep = UserCursor { term: None, id: UserId::new(Uuid::from_u128(1_000)) };
        assert_is_quick(what, &explain(&store, newest_first(&query, Some(&deep), LIMIT)).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_comes_from_indexes() {
    let (_database, store) = filled().await;
    for prefix in ["u", "user", "user00042", "user 00042", "USER0004242", "nobody"] {
        for (what, query) in queries(Some(prefix)).into_iter().filter(|(_, query)| query.company.is_none()) {
            let first = store.list(&query, None, LIMIT).await.expect("listed");
            let after = first.last().map(|user| query.cursor_after(user));
            // However deep in the list.
            let deep = UserCursor { term: Some("user 0090000".to_owned()), id: UserId::new(Uuid::nil()) };
            let deeper = UserCursor { term: Some("user0095000".to_owned()), ..deep.clone() };
            for after in [None, after, Some(deep), Some(deeper)] {
                let place = after.map(|after| (after.term.expect("a term"), after.id.into()));
                let prefix = query.prefix.clone().expect("given");
                let plan = explain(&store, candidates(&query, &prefix, place, 3 * LIMIT)).await;
                assert_is_quick(&format!("{what} with {prefix}"), &plan);
            }
        }
    }
}

/// Of the whole company, since it is looked at in any case, and of nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_in_a_company_reads_no_more_than_its_members() {
    let (_database, store) = filled().await;
    let company = UserQuery { company: Some(Uuid::from_u128(COMPANY).into()), ..UserQuery::default() };
    let moderators = UserQuery { role: Some(Role::Moderator), ..company.clone() };
    for (what, query) in [("all of it", company), ("its moderators", moderators)] {
        for after in [None, Some(("user 0000500".to_owned(), Uuid::nil()))] {
            let plan = explain(&store, of_company(&query, "user", after, LIMIT)).await;
            assert!(!plan.contains("Seq Scan on users"), "{what}\n{plan}");
            let rows: Vec<_> = numbers(&plan, "(actual rows=").collect();
            assert!(rows.iter().all(|rows| *rows <= 1_000 || *rows == 2_000), "{what}\n{plan}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_met_again_by_a_greater_term_is_passed_over() {
    let (_database, store) = filled().await;
    let query = UserQuery { prefix: Some("user".to_owned()), ..UserQuery::default() };
    // All are found by their names; whatever comes after those is somebody met before.
    let last = UserCursor { term: Some(format!("user {:07}", USERS - 10)), id: UserId::new(Uuid::nil()) };
    let begun = Instant::now();
    let end = store.list(&query, Some(&last), LIMIT).await.expect("listed");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let ids: Vec<_> = end.iter().map(|user| user.id.as_uuid().as_u128()).collect();
    let users = u128::try_from(USERS).expect("positive");
    assert_eq!(ids, (users - 10..=users).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_goes_by_bytes_to_the_last_character() {
    let database = Database::new().await;
    let store = database.open().await;
    let other = database.bare().await;
    for (number, name) in
        ["a", "a\u{10ffff}", "a\u{10ffff}z", "b", "\u{d7ff}x", "\u{e000}", "\u{10ffff}"].iter().enumerate()
    {
        let id = Uuid::from_u128(number as u128 + 1).to_string();
        let sql = format!(
            "INSERT INTO users (id, version, email, email_folded, name, name_folded, role, is_active, is_verified, unlocks,
                                created_at, updated_at)
             VALUES ('{id}', 1, '-', '-', '{name}', '{name}', 'user', true, true, 0, now(), now())"
        );
        other.batch_execute(&sql).await.expect("written");
    }
    for (prefix, expected) in [
        ("a", ["a", "a\u{10ffff}", "a\u{10ffff}z"].as_slice()),
        ("a\u{10ffff}", &["a\u{10ffff}", "a\u{10ffff}z"]),
        ("\u{d7ff}", &["\u{d7ff}x"]),
        ("\u{10ffff}", &["\u{10ffff}"]),
        ("a\0", &[]),
        ("c", &[]),
    ] {
        let query = UserQuery { prefix: Some(prefix.to_owned()), ..UserQuery::default() };
        let found = store.list(&query, None, 10).await.expect("listed");
        let names: Vec<_> = found.iter().map(|user| user.profile.name.as_str()).collect();
        assert_eq!(names, expected, "{prefix:?}");
        assert_eq!(store.list(&query, None, 0).await.expect("listed"), []);
    }
    let all = UserQuery { prefix: Some(String::new()), ..UserQuery::default() };
    assert_eq!(store.list(&all, None, 10).await.expect("listed").len(), 7);
}
