//! Searches in a log of a hundred thousand events, and how the server finds what they ask for.

use portcullis_domain::{
    event::EventType,
    id::{EventId, StreamId},
    port::{EventListQuery, EventScope, EventSearch, EventSearchQuery},
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{
    Database, PATIENCE, stream,
    user_list::{explain, numbers},
};
use crate::{
    Postgres,
    event_search::{WINDOW, walk},
};

const COMPANY: u128 = 77;
/// A row, a page of its index, and a page of the table where not all know yet that it is there.
const MOST_PAGES: u64 = 3 * WINDOW as u64;

/// Of a hundred thousand events one in a thousand is of a rare type, and one in a hundred of a rare actor; they are of a thousand streams, and of the first
/// of those there are ten thousand.
const EVENTS: &str = "
    INSERT INTO events (position, transaction_id, id, stream_id, stream_kind, version, type, schema_version, actor_kind, actor_id, data, recorded_at, prev_hash, hash)
    SELECT n, 1, lpad(to_hex(n), 32, '0')::uuid, lpad(to_hex(stream), 32, '0')::uuid, 'user', row_number() OVER (PARTITION BY stream ORDER BY n),
           CASE WHEN n % 1000 = 0 THEN 'order.placed' ELSE 'user.logged_in' END, 1, 'user',
           lpad(to_hex(CASE WHEN n % 100 = 0 THEN 5000 ELSE stream END), 32, '0')::uuid, '{\"number\": ' || n || '}', now(),
           decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex')
    FROM (SELECT n, CASE WHEN n % 10 = 1 THEN 1 ELSE n % 1000 + 2 END AS stream FROM generate_series(1, 100000) AS n) AS numbers";

const REST: &str = "
    INSERT INTO streams SELECT stream_id, 'user', max(version), decode(repeat('00', 32), 'hex') FROM events GROUP BY stream_id;
    INSERT INTO users (id, version, email, email_folded, name, name_folded, role, is_active, is_verified, unlocks, created_at, updated_at)
    SELECT stream_id, 1, '-', '-', '-', '-', 'user', true, true, 0, now(), now() FROM streams;
    INSERT INTO companies (id, version, name, is_active, created_at, updated_at)
    VALUES ('00000000-0000-0000-0000-00000000004d', 1, 'Company', true, now(), now());
    INSERT INTO members (user_id, company_id, role, status, joined_at)
    SELECT id, '00000000-0000-0000-0000-00000000004d', 'member', 'active', now() FROM users ORDER BY id LIMIT 50";

async fn filled() -> (Database, Postgres) {
    let database = Database::new().await;
    let store = database.open().await;
    let other = database.bare().await;
    other.batch_execute(EVENTS).await.expect("filled");
    other.batch_execute(REST).await.expect("filled");
    other.batch_execute("VACUUM ANALYZE").await.expect("counted");
    (database, store)
}

fn id(number: u128) -> EventId {
    EventId::new(Uuid::from_u128(number))
}

/// Every combination of what a search can ask for, with what few meet and with what most do.
fn searches() -> Vec<EventSearchQuery> {
    let mut searches = Vec::new();
    let company = Uuid::from_u128(COMPANY).into();
    let scopes = [
        EventScope::All,
        EventScope::Stream(stream(1)),
        EventScope::Stream(stream(9)),
        EventScope::Company(company),
    ];
    for scope in scopes {
        for name in [None, Some("user.logged_in"), Some("order.placed"), Some("nothing.known")] {
            for actor in [None, Some(1), Some(5000), Some(6000)] {
                for (from, to) in [(None, None), (Some(id(40_000)), Some(id(60_000)))] {
                    let event_type = name.map(EventType::new);
                    let actor = actor.map(Uuid::from_u128);
                    searches.push(EventSearchQuery { scope, event_type, actor, from, to, text: None });
                }
            }
        }
    }
    searches
}

/// The index that a search is to walk along.
fn index(query: &EventSearchQuery) -> &'static str {
    match (query.scope, query.actor, &query.event_type) {
        (EventScope::Stream(_) | EventScope::Company(_), ..) => "events_by_stream",
        (EventScope::All, Some(_), _) => "events_by_actor",
        (EventScope::All, None, Some(_)) => "events_by_type",
        (EventScope::All, None, None) => "events_id_key",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_walks_its_index_for_a_bounded_way() {
    let (_database, store) = filled().await;
    for query in searches() {
        // The deeper in the log.
        for before in [None, Some(id(50_000)), Some(id(5))] {
            let plan = explain(&store, walk(&query, before).0).await;
            let what = format!("{query:?} before {before:?}\n{plan}");
            assert!(!plan.contains("Seq Scan on events") && plan.contains(index(&query)), "{what}");
            let rows: Vec<_> =
                numbers(&plan, "(actual rows=").chain(numbers(&plan, "Rows Removed by Filter: ")).collect();
            let is_company = matches!(query.scope, EventScope::Company(_));
            // Of a company so many of each stream.
            assert!(is_company || rows.iter().all(|rows| *rows <= WINDOW as u64 + 1), "{what}");
            assert!(is_company || !plan.contains("Sort"), "{what}");
            let pages = plan.lines().find(|line| line.contains("Buffers: ")).expect("what was read");
            let pages: u64 = numbers(pages, "hit=").chain(numbers(pages, "read=")).sum();
            assert!(pages <= MOST_PAGES, "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_search_and_no_list_reads_the_whole_log() {
    let (database, store) = filled().await;
    let other = database.bare().await;
    let counted = async || {
        let sql = "SELECT coalesce(seq_scan, 0)::bigint, coalesce(idx_scan, 0)::bigint FROM pg_stat_user_tables WHERE relname = 'events'";
        let row = other.query_one(sql, &[]).await.expect("counted");
        (row.get::<_, i64>(0), row.get::<_, i64>(1))
    };
    let (scans_before, _) = counted().await;
    let (mut statements, text) = (0, Some("7".to_owned()));
    for query in searches() {
        let query = EventSearchQuery { text: text.clone(), ..query };
        let page = store.search(&query, None, 50).await.expect("found");
        assert!(page.events.len() <= 50);
        statements += 1;
    }
    for of in [stream(1), stream(9), StreamId::new(Uuid::from_u128(1 << 99))] {
        for event_type in [None, Some(EventType::new("order.placed"))] {
            for is_descending in [false, true] {
                let query =
                    EventListQuery { from: 0, to: u64::MAX, event_type: event_type.clone(), is_descending };
                store.list(of, &query, 50).await.expect("listed");
            }
        }
        store.statistics(of, &[]).await.expect("counted");
        statements += 1;
    }
    // A connection's figures are there for others when it ends, at the latest.
    store.close();
    let begun = Instant::now();
    loop {
        let (scans, of_indexes) = counted().await;
        assert_eq!(scans, scans_before, "the log was read from one end to the other");
        if of_indexes >= statements {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{of_indexes} of {statements} at least were counted");
        sleep(PATIENCE / 100).await;
    }
}
