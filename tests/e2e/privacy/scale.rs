//! PostgreSQL and Redis: the rows at once, the files once they are scrubbed.

use std::{io::BufReader, net::TcpStream};

use serde_json::json;

use super::person::{BARNABAS, CORNELIA, LAST_PASSWORD, Person, SETTINGS, crowd};
use crate::{
    client::Client,
    race::intact,
    replay::unfinished,
    server::Server,
    stack::{self, Place},
};

const NOWHERE: [Vec<String>; 0] = [];

/// The schema in use, and the one beside it where a replay is not finished.
const NAMESPACES: &str =
    "SELECT oid FROM pg_namespace WHERE nspname IN (current_schema(), current_schema() || '_replay')";

/// These marks as a table of SQL.
fn table_of(marks: &[&str]) -> String {
    format!("unnest(ARRAY['{}']) AS mark", marks.join("','"))
}

/// Which marks are in which files: of the schema's tables and indexes, of what is too long for them, of what the server has noted of
/// their values, and of the write-ahead log.
async fn marks_in_files(place: &Place, marks: &[&str]) -> Vec<Vec<String>> {
    let sql = format!(
        "WITH own AS (SELECT oid, reltoastrelid FROM pg_class
                      WHERE relnamespace IN ({NAMESPACES}) OR oid = 'pg_catalog.pg_statistic'::regclass),
              kept AS (SELECT oid FROM own UNION SELECT reltoastrelid FROM own
                       UNION SELECT indexrelid FROM pg_index WHERE indrelid IN (SELECT reltoastrelid FROM own)),
              paths AS (SELECT oid::regclass::text AS name, pg_relation_filepath(oid) AS path FROM kept WHERE oid <> 0
                        UNION ALL SELECT 'log ' || name, 'pg_wal/' || name FROM pg_ls_waldir()),
              files AS MATERIALIZED (SELECT name, pg_read_binary_file(path, 0, 33554432, true) AS bytes
                                     FROM paths WHERE path IS NOT NULL)
         SELECT mark, name FROM files, {} WHERE position(mark::bytea IN bytes) > 0 ORDER BY mark, name",
        table_of(marks)
    );
    place.query("CHECKPOINT").await;
    place.query(&sql).await
}

/// Which marks are in the rows of which tables, as text.
async fn marks_in_rows(place: &Place, marks: &[&str]) -> Vec<Vec<String>> {
    let tables = format!(
        "SELECT oid::regclass::text FROM pg_class WHERE relnamespace IN ({NAMESPACES}) AND relkind = 'r'"
    );
    let mut found = Vec::new();
    for table in place.query(&tables).await.concat() {
        let sql = format!(
            "SELECT mark, '{table}' FROM {} WHERE EXISTS
             (SELECT FROM {table} AS kept WHERE position(mark IN lower(kept::text)) > 0)",
            table_of(marks)
        );
        // What a replay has left goes at any moment.
        found.extend(place.query_if_there(&sql).await);
    }
    found
}

/// Which marks are among the values that the server has noted of which columns.
async fn marks_in_statistics(place: &Place, marks: &[&str]) -> Vec<Vec<String>> {
    let sql = format!(
        "SELECT mark, attname FROM pg_stats, {} WHERE schemaname IN (current_schema(), current_schema() || '_replay')
         AND position(mark IN concat(most_common_vals, histogram_bounds)) > 0",
        table_of(marks)
    );
    place.query(&sql).await
}

/// How many keys hold a mark, in their name or in what they keep.
fn redis_keys_with(connection: &mut BufReader<TcpStream>, mark: &str) -> String {
    const LOOK: &str = "
        local readers = { string = {'GET'}, hash = {'HGETALL'}, set = {'SMEMBERS'},
                          list = {'LRANGE', 0, -1}, zset = {'ZRANGE', 0, -1} }
        local found = 0
        for _, key in ipairs(redis.call('KEYS', '*')) do
            local reader = readers[redis.call('TYPE', key).ok]
            if reader then
                local kept = redis.call(unpack({reader[1], key, reader[2], reader[3]}))
                if type(kept) == 'table' then kept = table.concat(kept, ' ') end
                if string.find(key .. ' ' .. kept, ARGV[1], 1, true) then found = found + 1 end
            end
        end
        return found";
    stack::ask_redis(connection, &["EVAL", LOOK, "0", mark])
}

/// What is looked for would be found.
async fn expect_all_of(place: &Place, person: &Person) {
    let (rows, files) =
        (marks_in_rows(place, &person.marks).await, marks_in_files(place, &person.marks).await);
    let is_in = |found: &[Vec<String>], mark: &str, is_log: bool| {
        found.iter().any(|place| place[0] == mark && place[1].starts_with("log ") == is_log)
    };
    for mark in person.marks {
        assert!(is_in(&rows, mark, false), "{mark} is not in {rows:?}");
        assert!(is_in(&files, mark, false), "{mark} is not in {files:?}");
    }
    // What others write meanwhile may already have pushed a part out of the log.
    assert!(person.marks.iter().any(|mark| is_in(&files, mark, true)), "nothing is in the log: {files:?}");
    assert!(!marks_in_statistics(place, &person.marks).await.is_empty(), "statistics name people, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_postgres_holds_anything_of_the_erased_once_it_is_scrubbed() {
    let place = Place::new();
    let settings = place.settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = Server::start_on(&[&settings[..], &SETTINGS].concat());
    let client = Client::of(&server);
    let admin = client.admin(&server, "admin@example.com").await;
    crowd(&client, "before", 30).await;
    let own = BARNABAS.live(&server, &client, &admin).await;
    let by_admin = CORNELIA.live(&server, &client, &admin).await;
    crowd(&client, "after", 60).await;
    place.query("ANALYZE").await;
    for person in [&BARNABAS, &CORNELIA] {
        expect_all_of(&place, person).await;
    }

    unfinished::leave(&server, Some(&place)).await;
    let beside = marks_in_rows(&place, &BARNABAS.marks).await;
    assert!(beside.iter().any(|found| found[1].contains("_replay")), "rows lie beside: {beside:?}");

    BARNABAS.erase(&client, &own, Some(json!({"password": LAST_PASSWORD}))).await.expect(200);
    client.delete(&format!("/users/{}", by_admin.id), &admin.access).await.expect(200);
    let marks = [BARNABAS.marks, CORNELIA.marks].concat();
    assert_eq!(marks_in_rows(&place, &marks).await, NOWHERE, "at once");
    let replayed = server.command(&["replay"]).output().expect("it runs");
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    assert_eq!(marks_in_rows(&place, &marks).await, NOWHERE, "what is replayed has nothing of them");
    unfinished::leave(&server, Some(&place)).await;
    // Beside the running service.
    let scrubbed = server.command(&["scrub"]).output().expect("it runs");
    assert!(scrubbed.status.success(), "{}", String::from_utf8_lossy(&scrubbed.stderr));
    assert_eq!(marks_in_files(&place, &marks).await, NOWHERE);
    assert_eq!(marks_in_statistics(&place, &marks).await, NOWHERE);
    let mut redis = stack::redis_connection();
    stack::ask_redis(&mut redis, &["HSET", "privacy-probe", "agent", "of probeweise"]);
    assert_eq!(redis_keys_with(&mut redis, "probeweise"), ":1", "it would be found");
    stack::ask_redis(&mut redis, &["DEL", "privacy-probe"]);
    for mark in marks {
        assert_eq!(redis_keys_with(&mut redis, mark), ":0", "{mark}");
    }
    for person in [&BARNABAS, &CORNELIA] {
        assert_eq!(server.mails(person.email), [""; 0], "mails are files here, and gone");
        person.expect_unnamed_in(&server.log());
    }
    intact(&server);
    client.register(BARNABAS.email).await.expect(201);
}
