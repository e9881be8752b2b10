//! Replays of long logs. `just replay` folds a million events, and prints how fast, and how much memory that took at most.

use std::{
    fmt::Write as _,
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use crate::{database, server::Server, stack::Place};

/// How many there are in the ordinary run.
const SOME: u64 = 6_000;
/// One person to so many events.
const EVENTS_EACH: u64 = 100;
/// How many of them PostgreSQL gets at a time.
const PORTION: u64 = 20_000;
/// By how much the memory of ten times as long a replay may be above that of a short one, in kibibytes: of a log of a million events,
/// all of it would be some hundred times that.
const SLACK: u64 = 8 * 1024;

#[expect(clippy::disallowed_methods, reason = "the recipe says how many by the environment")]
fn how_many() -> u64 {
    std::env::var("REPLAY_EVENTS").map_or(SOME, |count| count.parse().expect("a number"))
}

/// People as an import makes them.
fn import(server: &Server, count: u64) {
    let people = (0..count).map(|number| format!("person{number}@example.com,Jane Doe,name{number},true\n"));
    let text: String =
        std::iter::once("email,name,username,is_verified\n".to_owned()).chain(people).collect();
    fs::write(server.folder().join("people.csv"), text).expect("writes");
    let imported = server.command(&["import", "users", "people.csv"]).output().expect("it runs");
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
}

/// Sign-ins of everybody in turns, after those that there are. Their hashes are none, which is no concern of a replay.
fn fill_sqlite(count: u64) -> String {
    format!(
        "PRAGMA synchronous = OFF;
         CREATE TEMP TABLE people AS
             SELECT row_number() OVER (ORDER BY stream_id) - 1 AS number, stream_id, version FROM streams WHERE kind = 'user';
         CREATE UNIQUE INDEX temp.people_by_number ON people (number);
         CREATE TEMP TABLE start AS SELECT max(position) AS newest, (SELECT count(*) FROM people) AS size FROM events;
         BEGIN;
         WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < {count} - 1)
         INSERT INTO events (position, id, stream_id, stream_kind, version, type, schema_version, actor_kind, actor_id, data, recorded_at, prev_hash, hash)
         SELECT newest + 1 + i, CAST(printf('%016d', newest + 1 + i) AS BLOB), stream_id, 'user', version + 1 + i / size, 'user.logged_in', 1, 'user',
                stream_id, '{{\"session_id\":\"01890000-0000-7000-8000-000000000000\"}}', 1577836800000000 + newest + i, zeroblob(32), zeroblob(32)
         FROM numbers, start JOIN people ON people.number = i % size;
         UPDATE streams SET version = (SELECT max(version) FROM events WHERE events.stream_id = streams.stream_id);
         COMMIT"
    )
}

/// As on SQLite, but some of them: whoever reads the feed of this server, in whatever database, waits for those that are under way.
fn fill_postgres(first: u64, count: u64) -> String {
    format!(
        "WITH people AS (SELECT row_number() OVER (ORDER BY stream_id) - 1 AS number, stream_id, version, count(*) OVER () AS size
                         FROM streams WHERE kind = 'user')
         INSERT INTO events (position, transaction_id, id, stream_id, stream_kind, version, type, schema_version, actor_kind, actor_id, data, recorded_at,
                             prev_hash, hash)
         SELECT nextval('event_positions'), pg_current_xact_id()::text::bigint, gen_random_uuid(), stream_id, 'user', version + 1 + i / size,
                'user.logged_in', 1, 'user', stream_id, '{{\"session_id\":\"01890000-0000-7000-8000-000000000000\"}}',
                '2020-01-01T00:00:00Z'::timestamptz + i * interval '1 microsecond', decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex')
         FROM generate_series({first}::bigint, {first} + {count} - 1) AS i JOIN people ON people.number = i % size"
    )
}

/// Once they are all there.
const SETTLE_POSTGRES: &str = "UPDATE streams SET version = (SELECT max(version) FROM events WHERE events.stream_id = streams.stream_id)";

/// What a replay took.
struct Taken {
    time: Duration,
    /// The most memory it had in use at any moment, in kibibytes.
    memory: u64,
    text: String,
}

fn peak(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

fn replay(server: &Server, arguments: &[&str]) -> Taken {
    let mut command = server.command(&[&["replay"], arguments].concat());
    let started = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut memory = 0;
    // It only grows, so the last look before the end has it.
    while child.try_wait().expect("it can be asked").is_none() {
        memory = memory.max(peak(child.id()).unwrap_or_default());
        std::thread::sleep(Duration::from_millis(2));
    }
    let time = started.elapsed();
    let output = child.wait_with_output().expect("it has ended");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    Taken { time, memory, text }
}

/// Replays a tenth of them, and then all of them; says what each took.
fn measure(store: &str, server: &Server, fill: &mut dyn FnMut(u64)) -> String {
    let count = how_many();
    import(server, count / EVENTS_EACH);
    let mut table = format!("portcullis replay on {store}\n");
    let mut memory = Vec::new();
    for (events, more) in [(count / 10, count / 10 - count / EVENTS_EACH), (count, count - count / 10)] {
        fill(more);
        let Taken { time, memory: most, text } = replay(server, &[]);
        assert!(text.starts_with(&format!("replayed {events} events\n")), "{text}");
        assert!(text.contains("now they are what the log says"), "the sign-ins were in no row: {text}");
        let speed = u128::from(events) * 1_000 / time.as_millis().max(1);
        let _ = writeln!(
            table,
            "  {events:>9} events in {:>6.1} s, {speed:>6} a second; memory {:.1} MiB at most",
            time.as_secs_f64(),
            kibibytes(most)
        );
        memory.push(most);
    }
    let checked = replay(server, &["--check"]);
    assert!(checked.text.contains("rows: identical"), "{}", checked.text);
    assert!(memory[0] > 0 && memory[1] <= memory[0] + SLACK, "the memory is not constant:\n{table}");
    table
}

fn kibibytes(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from) / 1024.0
}

#[tokio::test(flavor = "multi_thread")]
async fn the_memory_of_a_replay_is_the_same_however_long_the_log_is_on_sqlite() {
    let mut server = Server::start_on(&[]);
    assert!(server.stop().success());
    let path = server.data().join("portcullis.db");
    print(&measure("SQLite", &server, &mut |count| drop(database::query(&path, &fill_sqlite(count)))));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_memory_of_a_replay_is_the_same_however_long_the_log_is_on_postgres() {
    let place = Place::new();
    let settings = place.settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut server = Server::start_on(&settings);
    assert!(server.stop().success());
    let runtime = tokio::runtime::Handle::current();
    let mut fill = |count: u64| {
        for first in (0..count).step_by(usize::try_from(PORTION).expect("fits")) {
            let sql = fill_postgres(first, PORTION.min(count - first));
            runtime.block_on(place.query(&sql));
        }
        runtime.block_on(place.query(SETTLE_POSTGRES));
    };
    print(&tokio::task::block_in_place(|| measure("PostgreSQL", &server, &mut fill)));
}

/// For whoever runs the recipe.
#[expect(clippy::print_stdout, reason = "the recipe's output")]
fn print(text: &str) {
    println!("{text}");
}
