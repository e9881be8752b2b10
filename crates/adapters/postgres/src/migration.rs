//! Migrations: embedded in the binary, applied at start under a lock of the whole server, and refused before anything is written
//! when the database is not one that this version knows.

use diesel::{
    pg::Pg,
    prelude::*,
    sql_query,
    sql_types::{Bool, Integer, Nullable, Text},
};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use portcullis_domain::port::Source;
pub use portcullis_sql::migration::Migration;
use portcullis_sql::migration::{self, names};

use crate::{
    connection::{Access, Server},
    error::{MINIMUM_SERVER_VERSION, OpenError},
};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");
/// One process after the other; a session's lock, which goes with its connection, however the process ends.
const LOCK: &str = "SELECT pg_advisory_lock(hashtextextended('portcullis migrations ' || current_setting('search_path'), 0))";

/// What a new connection finds.
#[derive(QueryableByName)]
pub(crate) struct Site {
    /// Where tables are made; none when the first of the search path is not there, or not for this user.
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) schema: Option<String>,
    #[diesel(sql_type = Text)]
    search_path: String,
    #[diesel(sql_type = Text)]
    version: String,
    #[diesel(sql_type = Integer)]
    version_number: i32,
    #[diesel(sql_type = Bool)]
    may_create_tables: bool,
    #[diesel(sql_type = Bool)]
    may_create_schemas: bool,
    #[diesel(sql_type = Text)]
    database: String,
    #[diesel(sql_type = Nullable<Text>)]
    applied: Option<String>,
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

/// All migrations, oldest first, and whether the database has them. Reads only; refuses what this version does not know.
pub(crate) async fn list(server: &Server) -> Result<Vec<Migration>, OpenError> {
    let mut connection = server.connect(Access::Inspect).await?;
    let site = inspect(&mut connection, server).await?;
    compare(&mut connection, &site, server).await
}

/// Applies what is pending. Returns the names, oldest first.
pub(crate) async fn run(server: &Server) -> Result<Vec<String>, OpenError> {
    if list(server).await?.iter().all(|migration| migration.is_applied) {
        return Ok(Vec::new());
    }
    let (connection, site) = locked(server).await?;
    if site.schema.is_some() && !site.may_create_tables {
        return Err(denied(server, format!("SCHEMA {}", site.schema.unwrap_or_default())));
    }
    let versions = on_own_thread(server, connection, |harness| {
        Ok(harness.run_pending_migrations(MIGRATIONS)?.iter().map(ToString::to_string).collect::<Vec<_>>())
    })
    .await?;
    Ok(names::<Pg>(&MIGRATIONS, &versions))
}

/// Reverts the newest migration and returns its name; `None` when there is none.
pub(crate) async fn revert(server: &Server) -> Result<Option<String>, OpenError> {
    if list(server).await?.iter().all(|migration| !migration.is_applied) {
        return Ok(None);
    }
    let (connection, _) = locked(server).await?;
    let version = on_own_thread(server, connection, |harness| {
        Ok(harness.revert_last_migration(MIGRATIONS)?.to_string())
    })
    .await?;
    Ok(names::<Pg>(&MIGRATIONS, &[version]).pop())
}

/// A connection that migrates alone. What it may do was looked at under the lock, since others may have been quicker.
async fn locked(server: &Server) -> Result<(AsyncPgConnection, Site), OpenError> {
    let failed = |error| OpenError::from_engine(server.name(), error);
    let mut connection = server.connect(Access::Migrate).await?;
    connection.batch_execute(LOCK).await.map_err(failed)?;
    let mut site = inspect(&mut connection, server).await?;
    if site.schema.is_none() {
        make_schema(&mut connection, &site, server).await?;
        site = inspect(&mut connection, server).await?;
    }
    compare(&mut connection, &site, server).await?;
    Ok((connection, site))
}

async fn make_schema(
    connection: &mut AsyncPgConnection,
    site: &Site,
    server: &Server,
) -> Result<(), OpenError> {
    let first = site.search_path.split(',').next().unwrap_or_default().trim().trim_matches('"');
    if !site.may_create_schemas {
        return Err(denied(server, format!("DATABASE {}", site.database)));
    }
    let quoted = first.replace('"', "\"\"");
    let statement = format!("CREATE SCHEMA IF NOT EXISTS \"{quoted}\"");
    connection
        .batch_execute(&statement)
        .await
        .map_err(|error| OpenError::Migration { server: server.name().to_owned(), source: error.into() })
}

fn denied(server: &Server, object: String) -> OpenError {
    OpenError::Permission { server: server.name().to_owned(), object }
}

/// The harness waits for its answers, which no thread of the runtime may.
async fn on_own_thread<T: Send + 'static>(
    server: &Server,
    connection: AsyncPgConnection,
    work: impl FnOnce(&mut AsyncMigrationHarness<AsyncPgConnection>) -> Result<T, Source> + Send + 'static,
) -> Result<T, OpenError> {
    let outcome =
        tokio::task::spawn_blocking(move || work(&mut AsyncMigrationHarness::new(connection))).await;
    outcome
        .map_err(Source::from)
        .and_then(|outcome| outcome)
        .map_err(|source| OpenError::Migration { server: server.name().to_owned(), source })
}

/// Looks around, and refuses a server that is too old.
pub(crate) async fn inspect(connection: &mut AsyncPgConnection, server: &Server) -> Result<Site, OpenError> {
    // `applied` is the table's full name: another schema of the search path may have one of its own.
    let query = sql_query(
        "SELECT current_schema()::text AS schema, current_setting('search_path') AS search_path,
                current_setting('server_version') AS version, current_setting('server_version_num')::int AS version_number,
                coalesce(has_schema_privilege(current_schema()::text, 'CREATE'), false) AS may_create_tables,
                has_database_privilege(current_database(), 'CREATE') AS may_create_schemas,
                current_database()::text AS database,
                to_regclass(quote_ident(current_schema()::text) || '.__diesel_schema_migrations')::text AS applied",
    );
    let site: Site =
        query.get_result(connection).await.map_err(|error| OpenError::from_engine(server.name(), error))?;
    check_version(server.name(), site.version_number, &site.version)?;
    Ok(site)
}

/// `server_version_num` is 130004 for 13.4.
pub(crate) fn check_version(server: &str, number: i32, version: &str) -> Result<(), OpenError> {
    if number.unsigned_abs() / 10_000 < MINIMUM_SERVER_VERSION {
        return Err(OpenError::TooOld { server: server.to_owned(), version: version.to_owned() });
    }
    Ok(())
}

async fn compare(
    connection: &mut AsyncPgConnection,
    site: &Site,
    server: &Server,
) -> Result<Vec<Migration>, OpenError> {
    let applied = match &site.applied {
        Some(table) => sql_query(format!("SELECT version::text AS version FROM {table} ORDER BY version"))
            .load::<Version>(connection)
            .await
            .map_err(|error| OpenError::from_engine(server.name(), error))?,
        None => Vec::new(),
    };
    let applied: Vec<_> = applied.into_iter().map(|row| row.version).collect();
    migration::compare::<Pg>(&MIGRATIONS, &applied)
        .map_err(|migration| OpenError::Newer { server: server.name().to_owned(), migration })
}
