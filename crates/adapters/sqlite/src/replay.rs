//! Rows beside those that are in use, in a file of their own beside the database's: there the tables have the names that they have here, so
//! the same statements write them. The database itself is attached under another name.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use diesel::{
    RunQueryDsl,
    connection::SimpleConnection,
    prelude::*,
    sql_query,
    sql_types::{BigInt, Binary, Text},
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    port::{FeedCursor, Replays, Shadow, StoreError},
    replay::{DerivedRows, Mark, TableComparison, Wanted},
};
use portcullis_sql::column::{Id, RowName, stored_id, stored_number};

use crate::{
    Options, Sqlite, connection,
    error::{engine, is_busy},
    row,
};

const PAUSE: Duration = Duration::from_millis(1);

/// Where the rows beside have come to, of which version they are, and how often a replay of them was begun: one that hears of a later one
/// has no say any more.
const STATE: &str = "CREATE TABLE IF NOT EXISTS replay_state (
    one INTEGER PRIMARY KEY CHECK (one = 1), made_by TEXT NOT NULL, position INTEGER NOT NULL, hash BLOB NOT NULL, turn INTEGER NOT NULL
) STRICT";
/// Another version folds events otherwise, maybe.
const MADE_BY: &str = env!("CARGO_PKG_VERSION");

/// The derived tables, their keys, and which rows are of this kind.
const TABLES: [(&str, &str, &str); 6] = [
    ("users", "id", "1"),
    ("companies", "id", "1"),
    ("members", "user_id", "1"),
    ("stream_states", "stream_id", "1"),
    ("features", "id", "1"),
    // Requests that clients may send again are told by no event.
    ("claims", "key", "key NOT LIKE 'idempotency\\_key:%' ESCAPE '\\'"),
];
/// What refers to users; nothing of it is left of one that is not there.
const OF_USERS: [&str; 5] = ["credentials", "sessions", "one_time_codes", "login_attempts", "members"];

/// Who has API keys, and where they are.
const OWNERS: [(&str, &str); 2] = [("user", "users"), ("company", "companies")];

#[derive(QueryableByName)]
struct State {
    #[diesel(sql_type = Text)]
    made_by: String,
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = Binary)]
    hash: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    turn: i64,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

struct SqliteShadow {
    connection: Arc<Mutex<SqliteConnection>>,
    path: PathBuf,
    patience: Duration,
    turn: i64,
    is_locked: bool,
}

/// Where the rows beside a database are.
pub(crate) fn path_beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".replay");
    path.into()
}

/// Takes away what an unfinished replay left, and what one that is at work could leave: on what it has open it works on, and its end
/// is its own.
pub(crate) fn remove(path: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(ending);
        fs::remove_file(file).ok();
    }
}

#[async_trait]
impl Replays for Sqlite {
    async fn open(&self) -> Result<Box<dyn Shadow>, StoreError> {
        let (database, patience) = (self.path.clone(), self.patience);
        let path = path_beside(&database);
        let at = path.clone();
        let connection = tokio::task::spawn_blocking(move || open(&database, &at, patience)).await;
        let (connection, turn) = connection.map_err(StoreError::unavailable)??;
        let connection = Arc::new(Mutex::new(connection));
        Ok(Box::new(SqliteShadow { connection, path, patience, turn, is_locked: false }))
    }
}

fn open(database: &Path, path: &Path, patience: Duration) -> Result<(SqliteConnection, i64), StoreError> {
    let connect = || -> Result<SqliteConnection, StoreError> {
        let options = Options { busy_timeout: patience, ..Options::default() };
        Sqlite::migrate(path, options).map_err(StoreError::unavailable)?;
        let mut connection = connection::writing(path, patience).map_err(StoreError::unavailable)?;
        // Members come before users in some commits. What may not be lost is the log, and this is none.
        let set_up = format!(
            "PRAGMA foreign_keys = OFF; PRAGMA synchronous = NORMAL; {STATE};
             ATTACH DATABASE '{}' AS live; PRAGMA live.synchronous = FULL; PRAGMA live.secure_delete = ON",
            database.display().to_string().replace('\'', "''")
        );
        connection.batch_execute(&set_up).map_err(engine)?;
        Ok(connection)
    };
    let is_usable = |connection: &mut SqliteConnection| {
        state(connection).is_ok_and(|state| state.is_none_or(|state| state.made_by == MADE_BY))
    };
    let found = connect().ok().and_then(|mut found| is_usable(&mut found).then_some(found));
    let mut connection = if let Some(found) = found {
        found
    } else {
        remove(path);
        connect()?
    };
    let turn = begin(&mut connection).map_err(engine)?;
    Ok((connection, turn))
}

/// Whoever was at work on these rows before has no say from here on.
fn begin(connection: &mut SqliteConnection) -> QueryResult<i64> {
    sql_query(
        "INSERT INTO replay_state (one, made_by, position, hash, turn) VALUES (1, ?, 0, zeroblob(32), 1)
         ON CONFLICT (one) DO UPDATE SET turn = turn + 1",
    )
    .bind::<Text, _>(MADE_BY)
    .execute(connection)?;
    Ok(state(connection)?.map_or(0, |state| state.turn))
}

fn state(connection: &mut SqliteConnection) -> QueryResult<Option<State>> {
    sql_query("SELECT made_by, position, hash, turn FROM replay_state").get_result(connection).optional()
}

impl SqliteShadow {
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = Arc::clone(&self.connection);
        let done = tokio::task::spawn_blocking(move || {
            let mut connection =
                connection.lock().map_err(|_| StoreError::unavailable("a replay has failed"))?;
            work(&mut connection)
        });
        done.await.map_err(StoreError::unavailable)?
    }
}

#[async_trait]
impl Shadow for SqliteShadow {
    async fn mark(&mut self) -> Result<Mark, StoreError> {
        self.run(|connection| {
            let Some(state) = state(connection).map_err(engine)? else { return Ok(Mark::START) };
            let name = RowName::new("replay_state", "1");
            let cursor = FeedCursor { transaction: 0, position: name.count("position", state.position)? };
            Ok(Mark { cursor, hash: name.hash("hash", &state.hash)? })
        })
        .await
    }

    async fn find(&mut self, wanted: &Wanted) -> Result<DerivedRows, StoreError> {
        let mut rows = DerivedRows::absent(wanted);
        self.run(move |connection| {
            for (id, user) in &mut rows.users {
                *user = row::find_user(connection, *id)?;
            }
            for (id, company) in &mut rows.companies {
                *company = row::find_company(connection, *id)?;
            }
            for (user, member) in &mut rows.members {
                *member = row::find_member(connection, *user)?;
            }
            for (stream, state) in &mut rows.states {
                *state = row::find_state(connection, *stream)?;
            }
            for (id, feature) in &mut rows.features {
                *feature = row::find_feature(connection, *id)?;
            }
            Ok(rows)
        })
        .await
    }

    async fn write(&mut self, rows: &DerivedRows, mark: Mark) -> Result<(), StoreError> {
        let (rows, turn, is_locked) = (rows.clone(), self.turn, self.is_locked);
        self.run(move |connection| {
            let write = |connection: &mut SqliteConnection| write(connection, &rows, mark, turn);
            let written = if is_locked { write(connection) } else { connection.transaction(write) };
            match written.map_err(engine)? {
                1 => Ok(()),
                _ => Err(StoreError::unavailable("another replay has taken over")),
            }
        })
        .await
    }

    /// Of both databases; whoever writes to the one that is in use waits from here on.
    async fn lock(&mut self) -> Result<FeedCursor, StoreError> {
        let patience = self.patience;
        let newest = self
            .run(move |connection| {
                let begun = Instant::now();
                loop {
                    match connection.batch_execute("BEGIN IMMEDIATE") {
                        Ok(()) => break,
                        // A busy writer lets go for some microseconds only: the engine's own waiting would miss them all.
                        Err(error) if is_busy(&error) && begun.elapsed() < patience => {
                            std::thread::sleep(PAUSE);
                        }
                        Err(error) => return Err(engine(error)),
                    }
                }
                let newest = sql_query("SELECT coalesce(max(position), 0) AS number FROM live.events");
                Ok(newest.get_result::<Number>(connection).map_err(engine)?.number)
            })
            .await?;
        self.is_locked = true;
        let name = RowName::new("events", "the newest");
        Ok(FeedCursor { transaction: 0, position: name.count("position", newest)? })
    }

    async fn compare(&mut self) -> Result<Vec<TableComparison>, StoreError> {
        self.run(|connection| {
            let mut tables = Vec::new();
            for (table, _, kind) in TABLES {
                let mut count = |from: String| -> Result<u64, StoreError> {
                    let query = sql_query(format!("SELECT count(*) AS number FROM ({from})"));
                    let number = query.get_result::<Number>(connection).map_err(engine)?.number;
                    Ok(number.unsigned_abs())
                };
                let (new, old) = (
                    format!("SELECT * FROM main.{table}"),
                    format!("SELECT * FROM live.{table} WHERE {kind}"),
                );
                tables.push(TableComparison {
                    table,
                    rows: count(new.clone())?,
                    wrong: count(format!("{old} EXCEPT {new}"))?,
                    lacking: count(format!("{new} EXCEPT {old}"))?,
                });
            }
            Ok(tables)
        })
        .await
    }

    async fn swap(self: Box<Self>) -> Result<(), StoreError> {
        self.run(|connection| {
            for (kind, table) in OWNERS {
                let gone = format!(
                    "DELETE FROM live.api_keys WHERE owner_kind = '{kind}' AND owner_id NOT IN (SELECT id FROM main.{table})"
                );
                connection.batch_execute(&gone).map_err(engine)?;
            }
            for table in OF_USERS {
                let gone =
                    format!("DELETE FROM live.{table} WHERE user_id NOT IN (SELECT id FROM main.users)");
                connection.batch_execute(&gone).map_err(engine)?;
            }
            for (table, key, kind) in TABLES {
                let differing = format!("SELECT * FROM main.{table} EXCEPT SELECT * FROM live.{table}");
                let swapped = format!(
                    "DELETE FROM live.{table} WHERE {kind} AND {key} NOT IN (SELECT {key} FROM main.{table});
                     REPLACE INTO live.{table} SELECT * FROM ({differing})"
                );
                connection.batch_execute(&swapped).map_err(engine)?;
            }
            connection.batch_execute("COMMIT").map_err(engine)
        })
        .await?;
        self.discard().await
    }

    async fn discard(self: Box<Self>) -> Result<(), StoreError> {
        let Self { connection, path, .. } = *self;
        let done = tokio::task::spawn_blocking(move || {
            // A transaction that is open ends with its connection.
            drop(connection);
            remove(&path);
        });
        done.await.map_err(StoreError::unavailable)
    }
}

/// Returns 0 where another replay has taken over.
fn write(connection: &mut SqliteConnection, rows: &DerivedRows, mark: Mark, turn: i64) -> QueryResult<usize> {
    let marked = sql_query("UPDATE replay_state SET position = ?, hash = ? WHERE turn = ?")
        .bind::<BigInt, _>(stored_number(mark.cursor.position))
        .bind::<Binary, _>(mark.hash.as_bytes().to_vec())
        .bind::<BigInt, _>(turn)
        .execute(connection)?;
    if marked == 0 {
        return Ok(0);
    }
    for change in rows.changes() {
        row::change(connection, &change)?;
    }
    for (key, holder) in rows.holders() {
        match holder {
            Some(owner) => sql_query("REPLACE INTO main.claims (key, owner) VALUES (?, ?)")
                .bind::<Text, _>(key.to_stored())
                .bind::<Id, _>(stored_id(owner))
                .execute(connection)?,
            None => sql_query("DELETE FROM main.claims WHERE key = ?")
                .bind::<Text, _>(key.to_stored())
                .execute(connection)?,
        };
    }
    Ok(marked)
}
