//! Rows beside those that are in use, in a schema of their own: there the tables have the names that they have here, so the same
//! statements write them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use diesel::{
    QueryResult,
    prelude::*,
    sql_query,
    sql_types::{Array, BigInt, Binary, Bool, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures::future::try_join_all;
use portcullis_domain::{
    id::{SubjectId, UserId},
    port::{FeedCursor, Replays, Shadow, StoreError},
    replay::{DerivedRows, Mark, TableComparison, Wanted},
};
use portcullis_sql::column::{RowName, stored_number};
use uuid::Uuid;

use crate::{
    Postgres,
    connection::Access,
    error::engine,
    row,
    statement::{Cached, Sent},
};

/// Another version folds events otherwise, maybe.
const MADE_BY: &str = env!("CARGO_PKG_VERSION");

/// A schema's name and this are the name of the one beside it.
const BESIDE: &str = "_replay";

/// The derived tables, their keys, and which rows are of this kind.
const TABLES: [(&str, &str, &str); 6] = [
    ("users", "id", "true"),
    ("companies", "id", "true"),
    ("members", "user_id", "true"),
    ("stream_states", "stream_id", "true"),
    ("features", "id", "true"),
    // Requests that clients may send again are told by no event.
    ("claims", "key", "split_part(key, ':', 1) <> 'idempotency_key'"),
];
/// What refers to users; nothing of it is left of one that is not there.
const OF_USERS: [&str; 5] = ["credentials", "sessions", "one_time_codes", "login_attempts", "members"];

/// Who has API keys, and where they are.
const OWNERS: [(&str, &str); 2] = [("user", "users"), ("company", "companies")];
/// What nothing refers to, so that what is wrong may go before what is right comes: names are unique beside ids.
const FREE: [&str; 4] = ["members", "stream_states", "features", "claims"];

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct State {
    #[diesel(sql_type = Text)]
    made_by: String,
    #[diesel(sql_type = BigInt)]
    transaction_id: i64,
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = Binary)]
    hash: Vec<u8>,
}

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = BigInt)]
    transaction_id: i64,
    #[diesel(sql_type = BigInt)]
    position: i64,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    answer: bool,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

struct PostgresShadow {
    connection: AsyncPgConnection,
    /// The schema in use, quoted.
    live: String,
    /// The one beside it, quoted.
    beside: String,
    is_locked: bool,
}

/// Deletes rows beside of subjects whose keys are destroyed in the same transaction: after the keys, for whose rows [`Shadow::write`] waits
/// before it writes. Where nothing is beside it does nothing.
pub(crate) fn forget<'c>(connection: &'c AsyncPgConnection, subjects: &[SubjectId]) -> Sent<'c> {
    let ids: Vec<_> = subjects.iter().map(|subject| format!("'{}'", Uuid::from(*subject))).collect();
    let ids = ids.join(", ");
    // Each only looked up when it comes to it.
    let sql = format!(
        "DO $$ DECLARE beside text := quote_ident(current_schema() || '{BESIDE}'); BEGIN
             IF to_regclass(beside || '.replay_state') IS NULL THEN RETURN; END IF;
             EXECUTE 'DELETE FROM ' || beside || $q$.users WHERE id IN ({ids})$q$;
             EXECUTE 'DELETE FROM ' || beside || $q$.stream_states WHERE stream_id IN ({ids})$q$;
             EXECUTE 'DELETE FROM ' || beside || $q$.claims WHERE owner IN ({ids})$q$;
         END $$"
    );
    Box::pin(async move {
        let mut connection = connection;
        connection.batch_execute(&sql).await
    })
}

/// Takes away what an unfinished replay has left in files, of people also; false while one is at work.
pub(crate) async fn drop_leftover(connection: &mut AsyncPgConnection) -> QueryResult<bool> {
    let names = sql_query(format!(
        "SELECT nspname::text AS name FROM pg_namespace WHERE nspname = current_schema() || '{BESIDE}'"
    ));
    let Some(found) = names.get_result::<Name>(connection).await.optional()? else { return Ok(true) };
    let beside = quoted(&found.name);
    let number = lock_number(&beside);
    let tried = sql_query(format!("SELECT pg_try_advisory_lock({number}) AS answer"));
    if !tried.get_result::<Answer>(connection).await?.answer {
        return Ok(false);
    }
    let dropped = connection.batch_execute(&format!("DROP SCHEMA IF EXISTS {beside} CASCADE")).await;
    connection.batch_execute(&format!("SELECT pg_advisory_unlock({number})")).await?;
    dropped.map(|()| true)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Of the lock that a replay holds while it is at work.
fn lock_number(beside: &str) -> String {
    format!("hashtextextended('portcullis replay {}', 0)", beside.replace('\'', "''"))
}

#[async_trait]
impl Replays for Postgres {
    async fn open(&self) -> Result<Box<dyn Shadow>, StoreError> {
        let mut connection = self.server.connect(Access::Migrate).await.map_err(StoreError::unavailable)?;
        let live = sql_query("SELECT current_schema()::text AS name");
        let live = live.get_result::<Name>(&mut connection).await.map_err(engine)?.name;
        let (live, beside) = (quoted(&live), quoted(&format!("{live}{BESIDE}")));
        let mut shadow = PostgresShadow { connection, live, beside, is_locked: false };
        // One at a time: the lock ends with the connection.
        shadow.run_sql(&format!("SELECT pg_advisory_lock({})", lock_number(&shadow.beside))).await?;
        shadow.begin().await?;
        Ok(Box::new(shadow))
    }
}

impl PostgresShadow {
    async fn run_sql(&mut self, sql: &str) -> Result<(), StoreError> {
        self.connection.batch_execute(sql).await.map_err(engine)
    }

    /// Makes the tables where they are not there, or are of another shape or version.
    async fn begin(&mut self) -> Result<(), StoreError> {
        if !self.is_usable().await? {
            let beside = self.beside.clone();
            self.run_sql(&format!("DROP SCHEMA IF EXISTS {beside} CASCADE; CREATE SCHEMA {beside}")).await?;
            for (table, _, _) in TABLES {
                let like =
                    format!("CREATE TABLE {beside}.{table} (LIKE {}.{table} INCLUDING ALL)", self.live);
                self.run_sql(&like).await?;
            }
            let state = format!(
                "CREATE TABLE {beside}.replay_state (one boolean PRIMARY KEY CHECK (one), made_by text NOT NULL,
                    transaction_id bigint NOT NULL, position bigint NOT NULL, hash bytea NOT NULL);
                 INSERT INTO {beside}.replay_state VALUES (true, '{MADE_BY}', 0, 0, decode(repeat('00', 32), 'hex'))"
            );
            self.run_sql(&state).await?;
        }
        self.run_sql(&format!("SET search_path TO {}, {}", self.beside, self.live)).await
    }

    async fn is_usable(&mut self) -> Result<bool, StoreError> {
        let tables = TABLES.map(|(table, _, _)| format!("'{table}'")).join(", ");
        let columns = |schema: &str| {
            let name = schema.trim_matches('"').replace("\"\"", "\"").replace('\'', "''");
            format!(
                "SELECT table_name, column_name, data_type, ordinal_position FROM information_schema.columns
                 WHERE table_schema = '{name}' AND table_name IN ({tables})"
            )
        };
        let (live, beside) = (columns(&self.live), columns(&self.beside));
        let differing = sql_query(format!(
            "SELECT count(*) AS number FROM (({live} EXCEPT {beside}) UNION ALL ({beside} EXCEPT {live})) AS differing"
        ));
        let differing = differing.get_result::<Number>(&mut self.connection).await.map_err(engine)?;
        if differing.number > 0 {
            return Ok(false);
        }
        Ok(self.state().await.is_ok_and(|state| state.made_by == MADE_BY))
    }

    async fn state(&mut self) -> QueryResult<State> {
        let query =
            format!("SELECT made_by, transaction_id, position, hash FROM {}.replay_state", self.beside);
        sql_query(query).get_result(&mut self.connection).await
    }

    async fn write_all(&mut self, rows: &DerivedRows, mark: Mark) -> Result<(), StoreError> {
        let rows = rows.clone().without(&self.lock_keys(rows).await?);
        let connection = &self.connection;
        let mut steps: Vec<Sent<'_>> = Vec::new();
        row::changes(connection, &rows.changes(), &mut steps);
        let holders = rows.holders();
        let released = holders.iter().filter(|(_, holder)| holder.is_none());
        let released: Vec<_> = released.map(|(key, _)| key.to_stored()).collect();
        let taken = holders.iter().filter_map(|(key, holder)| Some((key.to_stored(), (*holder)?)));
        let (keys, owners): (Vec<_>, Vec<_>) = taken.unzip();
        let delete = sql_query("DELETE FROM claims WHERE key = ANY ($1)").bind::<Array<Text>, _>(released);
        steps.push(Cached(delete).step(connection));
        let put = sql_query(
            "INSERT INTO claims (key, owner) SELECT * FROM unnest($1, $2)
             ON CONFLICT (key) DO UPDATE SET owner = excluded.owner",
        )
        .bind::<Array<Text>, _>(keys)
        .bind::<Array<SqlUuid>, _>(owners);
        steps.push(Cached(put).step(connection));
        try_join_all(steps).await.map_err(engine)?;
        sql_query("UPDATE replay_state SET transaction_id = $1, position = $2, hash = $3")
            .bind::<BigInt, _>(stored_number(mark.cursor.transaction))
            .bind::<BigInt, _>(stored_number(mark.cursor.position))
            .bind::<Binary, _>(mark.hash.as_bytes().to_vec())
            .execute(&mut self.connection)
            .await
            .map(drop)
            .map_err(engine)
    }

    /// Keeps the keys of these users until the rows are written, and says who has none (any more).
    async fn lock_keys(&mut self, rows: &DerivedRows) -> Result<BTreeSet<UserId>, StoreError> {
        let mut users: BTreeSet<_> = rows.users.keys().copied().collect();
        let keys = sql_query(format!(
            "SELECT subject_id AS id FROM {}.subject_keys WHERE subject_id = ANY ($1) ORDER BY subject_id FOR KEY SHARE",
            self.live
        ));
        let keys = keys.bind::<Array<SqlUuid>, _>(users.iter().copied().map(Uuid::from).collect::<Vec<_>>());
        for Id { id } in keys.load::<Id>(&mut self.connection).await.map_err(engine)? {
            users.remove(&UserId::new(id));
        }
        Ok(users)
    }

    /// A table's columns but its key, as an upsert sets them.
    async fn assignments(&mut self, table: &str, key: &str) -> Result<String, StoreError> {
        let name = self.live.trim_matches('"').replace("\"\"", "\"");
        let query = sql_query(
            "SELECT coalesce(string_agg(format('%1$I = excluded.%1$I', column_name), ', '), '') AS name
             FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2 AND column_name <> $3",
        );
        let query =
            query.bind::<Text, _>(name).bind::<Text, _>(table.to_owned()).bind::<Text, _>(key.to_owned());
        Ok(query.get_result::<Name>(&mut self.connection).await.map_err(engine)?.name)
    }
}

#[async_trait]
impl Shadow for PostgresShadow {
    async fn mark(&mut self) -> Result<Mark, StoreError> {
        let state = self.state().await.map_err(engine)?;
        let name = RowName::new("replay_state", "1");
        let cursor = name.cursor(state.transaction_id, state.position)?;
        Ok(Mark { cursor, hash: name.hash("hash", &state.hash)? })
    }

    async fn find(&mut self, wanted: &Wanted) -> Result<DerivedRows, StoreError> {
        let mut rows = DerivedRows::absent(wanted);
        let connection = &mut self.connection;
        for user in row::find_users(connection, &wanted.users).await? {
            rows.users.insert(user.id, Some(user));
        }
        for company in row::find_companies(connection, &wanted.companies).await? {
            rows.companies.insert(company.id, Some(company));
        }
        for member in row::find_members(connection, &wanted.members).await? {
            rows.members.insert(member.user, Some(member));
        }
        for state in row::find_states(connection, &wanted.states).await? {
            rows.states.insert(state.stream, Some(state));
        }
        for feature in row::find_features(connection, &wanted.features).await? {
            rows.features.insert(feature.id, Some(feature));
        }
        Ok(rows)
    }

    async fn write(&mut self, rows: &DerivedRows, mark: Mark) -> Result<(), StoreError> {
        if self.is_locked {
            return self.write_all(rows, mark).await;
        }
        self.run_sql("BEGIN").await?;
        let written = self.write_all(rows, mark).await;
        let end = if written.is_ok() { "COMMIT" } else { "ROLLBACK" };
        self.run_sql(end).await?;
        written
    }

    /// In the order in which commits take them: keys, then heads. Whoever has written neither waits here; whoever has ends first.
    async fn lock(&mut self) -> Result<FeedCursor, StoreError> {
        let live = self.live.clone();
        let lock = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED;
             LOCK TABLE {live}.claims IN SHARE ROW EXCLUSIVE MODE;
             LOCK TABLE {live}.streams IN SHARE ROW EXCLUSIVE MODE"
        );
        self.run_sql(&lock).await?;
        self.is_locked = true;
        let newest = sql_query(format!(
            "SELECT transaction_id, position FROM {live}.events ORDER BY transaction_id DESC, position DESC LIMIT 1"
        ));
        let newest = newest.get_result::<Place>(&mut self.connection).await.optional().map_err(engine)?;
        let Some(newest) = newest else { return Ok(FeedCursor::START) };
        let name = RowName::new("events", "the newest");
        name.cursor(newest.transaction_id, newest.position)
    }

    async fn compare(&mut self) -> Result<Vec<TableComparison>, StoreError> {
        let mut tables = Vec::new();
        for (table, _, kind) in TABLES {
            let new = format!("SELECT * FROM {}.{table}", self.beside);
            let old = format!("SELECT * FROM {}.{table} WHERE {kind}", self.live);
            let mut counts = [0; 3];
            for (count, from) in counts.iter_mut().zip([
                new.clone(),
                format!("{old} EXCEPT {new}"),
                format!("{new} EXCEPT {old}"),
            ]) {
                let query = sql_query(format!("SELECT count(*) AS number FROM ({from}) AS counted"));
                let number = query.get_result::<Number>(&mut self.connection).await.map_err(engine)?.number;
                *count = number.unsigned_abs();
            }
            let [rows, wrong, lacking] = counts;
            tables.push(TableComparison { table, rows, wrong, lacking });
        }
        Ok(tables)
    }

    async fn swap(mut self: Box<Self>) -> Result<(), StoreError> {
        let (live, beside) = (self.live.clone(), self.beside.clone());
        for (kind, table) in OWNERS {
            let gone = format!(
                "DELETE FROM {live}.api_keys AS old WHERE owner_kind = '{kind}'
                 AND NOT EXISTS (SELECT FROM {beside}.{table} AS new WHERE new.id = old.owner_id)"
            );
            self.run_sql(&gone).await?;
        }
        for table in OF_USERS {
            let gone = format!(
                "DELETE FROM {live}.{table} AS old WHERE NOT EXISTS (SELECT FROM {beside}.users AS new WHERE new.id = old.user_id)"
            );
            self.run_sql(&gone).await?;
        }
        // Companies after their members.
        for (table, key, kind) in TABLES.into_iter().rev() {
            let alike =
                if FREE.contains(&table) { "AND ROW(new.*) IS NOT DISTINCT FROM ROW(old.*)" } else { "" };
            let gone = format!(
                "DELETE FROM {live}.{table} AS old WHERE {kind}
                 AND NOT EXISTS (SELECT FROM {beside}.{table} AS new WHERE new.{key} = old.{key} {alike})"
            );
            self.run_sql(&gone).await?;
        }
        for (table, key, _) in TABLES {
            let assignments = self.assignments(table, key).await?;
            let swapped = format!(
                "INSERT INTO {live}.{table} SELECT * FROM (SELECT * FROM {beside}.{table} EXCEPT SELECT * FROM {live}.{table}) AS new
                 ON CONFLICT ({key}) DO UPDATE SET {assignments}"
            );
            self.run_sql(&swapped).await?;
        }
        self.run_sql(&format!("DROP SCHEMA {beside} CASCADE; COMMIT")).await
    }

    async fn discard(mut self: Box<Self>) -> Result<(), StoreError> {
        if self.is_locked {
            self.run_sql("ROLLBACK").await?;
        }
        let drop = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.beside);
        self.run_sql(&drop).await
    }
}
