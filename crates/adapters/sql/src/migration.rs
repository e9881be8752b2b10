//! The migrations that a version knows, and those that a database has.

use diesel::{
    backend::Backend,
    migration::{self, MigrationSource},
};

/// A migration that this version knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its name, which begins with the day it was written.
    pub name: String,
    /// Whether the database has it.
    pub is_applied: bool,
    version: String,
}

/// All migrations, oldest first, and whether their versions are among the applied ones; or else the first of these that is not known.
pub fn compare<DB: Backend>(
    migrations: &impl MigrationSource<DB>,
    applied: &[String],
) -> Result<Vec<Migration>, String> {
    let mut known = known(migrations);
    if let Some(unknown) = applied.iter().find(|version| known.iter().all(|known| known.version != **version))
    {
        return Err(unknown.clone());
    }
    for migration in &mut known {
        migration.is_applied = applied.contains(&migration.version);
    }
    Ok(known)
}

/// The names of versions, oldest first.
pub fn names<DB: Backend>(migrations: &impl MigrationSource<DB>, versions: &[String]) -> Vec<String> {
    let known = known(migrations).into_iter().filter(|known| versions.contains(&known.version));
    known.map(|known| known.name).collect()
}

fn known<DB: Backend>(migrations: &impl MigrationSource<DB>) -> Vec<Migration> {
    let migrations: Vec<Box<dyn migration::Migration<DB>>> =
        migrations.migrations().expect("embedded migrations are listed without a file system");
    let mut known: Vec<_> = migrations
        .iter()
        .map(|migration| Migration {
            name: migration.name().to_string(),
            is_applied: false,
            version: migration.name().version().to_string(),
        })
        .collect();
    known.sort_by(|a, b| a.version.cmp(&b.version));
    known
}
