//! Migrations: embedded in the binary, applied at start, and refused before anything is written when the database is not
//! one that this version knows.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::Path,
    time::Duration,
};

use diesel::{
    prelude::*,
    sql_types::Text,
    sqlite::{Sqlite, SqliteConnection},
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use portcullis_domain::port::{Source, UserQuery};
pub use portcullis_sql::migration::Migration;
use portcullis_sql::migration::{compare, names};

use crate::{
    connection::{Access, reading, writing},
    error::OpenError,
};

pub(crate) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

diesel::define_sql_function! {
    /// Folds letters as searches do; for migrations alone.
    fn fold_case(text: Text) -> Text;
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// All migrations, oldest first, and whether the database at the path has them. Reads only; refuses what is no database
/// of this software, or of a newer version of it.
pub(crate) fn list(path: &Path, busy_timeout: Duration) -> Result<Vec<Migration>, OpenError> {
    let applied = applied(path, busy_timeout)?;
    compare::<Sqlite>(&MIGRATIONS, &applied)
        .map_err(|migration| OpenError::Newer { path: path.to_owned(), migration })
}

/// Applies what is pending, all of it or nothing. Returns the names, oldest first.
pub(crate) fn run(connection: &mut SqliteConnection, path: &Path) -> Result<Vec<String>, OpenError> {
    let versions = in_transaction(connection, path, |connection| {
        fold_case_utils::register_impl(connection, |text: String| UserQuery::prefix(&text))?;
        Ok(connection.run_pending_migrations(MIGRATIONS)?.iter().map(ToString::to_string).collect::<Vec<_>>())
    })?;
    Ok(names::<Sqlite>(&MIGRATIONS, &versions))
}

/// Reverts the newest migration and returns its name; `None` when there is none.
pub(crate) fn revert(path: &Path, busy_timeout: Duration) -> Result<Option<String>, OpenError> {
    if list(path, busy_timeout)?.iter().all(|migration| !migration.is_applied) {
        return Ok(None);
    }
    let mut connection = writing(path, busy_timeout)?;
    let version = in_transaction(&mut connection, path, |connection| {
        Ok(connection.revert_last_migration(MIGRATIONS)?.to_string())
    })?;
    Ok(names::<Sqlite>(&MIGRATIONS, &[version]).pop())
}

/// Two processes that start at once must not both apply a migration, so the write lock comes before the look at what is
/// pending; and a newer version may have been quicker than this one.
fn in_transaction<T>(
    connection: &mut SqliteConnection,
    path: &Path,
    work: impl FnOnce(&mut SqliteConnection) -> Result<T, Source>,
) -> Result<T, OpenError> {
    let outcome = connection.immediate_transaction(|connection| -> Result<T, Source> { work(connection) });
    outcome.map_err(|source| OpenError::from_migration(path.to_owned(), source))
}

/// The versions of the applied migrations, oldest first; none where there is no file yet.
fn applied(path: &Path, busy_timeout: Duration) -> Result<Vec<String>, OpenError> {
    if !has_content(path)? {
        return Ok(Vec::new());
    }
    let mut connection = reading(path, Access::Inspect, busy_timeout)?;
    let mut texts = |query: &str| -> Result<Vec<String>, OpenError> {
        let rows = diesel::sql_query(query).load::<Name>(&mut connection);
        let rows = rows.map_err(|error| OpenError::from_engine(path.to_owned(), error))?;
        Ok(rows.into_iter().map(|row| row.name).collect())
    };
    let tables = texts("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    if !tables.iter().any(|table| table == "__diesel_schema_migrations") {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    texts("SELECT version AS name FROM __diesel_schema_migrations ORDER BY version")
}

/// Looks at folder and file before the engine does, which tells less of what is wrong with them.
fn has_content(path: &Path) -> Result<bool, OpenError> {
    let folder = path.parent().unwrap_or(path);
    fs::read_dir(folder)
        .map_err(|source| OpenError::Folder { path: folder.to_owned(), source: source.into() })?;
    let unreadable =
        |source: std::io::Error| OpenError::Unreadable { path: path.to_owned(), source: source.into() };
    match File::open(path).and_then(|file| file.metadata()) {
        Ok(metadata) if metadata.is_dir() => Err(unreadable(ErrorKind::IsADirectory.into())),
        Ok(metadata) => Ok(metadata.len() > 0),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(unreadable(error)),
    }
}
