use std::{path::Path, thread, time::Duration};

use portcullis_domain::{
    commit::Expected,
    port::{EventStore, StoreError},
};

use super::{Folder, append, content, execute, is_unavailable, stream};
use crate::{OpenError, Options, Sqlite};

fn quick() -> Options {
    Options { busy_timeout: Duration::from_millis(100), ..Options::default() }
}

/// Opens in every way there is, and expects each to be refused and to leave the folder as it was, to the byte.
fn assert_refused(folder: &Path, path: &Path, is_expected: fn(&OpenError) -> bool) {
    let before = content(folder);
    let errors = [
        Sqlite::open(path, quick()).map(drop).expect_err("refused"),
        Sqlite::open_read_only(path, quick()).map(drop).expect_err("refused"),
        Sqlite::migrate(path, quick()).map(drop).expect_err("refused"),
        Sqlite::migrations(path, quick()).map(drop).expect_err("refused"),
        Sqlite::revert_migration(path, quick()).map(drop).expect_err("refused"),
    ];
    for error in errors {
        assert!(is_expected(&error), "{error:?}");
        assert!(!error.to_string().contains('\n'));
    }
    assert!(content(folder) == before, "something was written");
}

#[tokio::test]
async fn a_database_from_a_newer_version_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    drop(folder.open());
    let mut newer = folder.bare();
    execute(&mut newer, "INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')");
    // Beside the program that has it open, its log not yet written back, and after a crash of that program.
    let crashed = Folder::new();
    for (path, bytes) in folder.content() {
        std::fs::write(crashed.0.path().join(path.file_name().expect("a file")), bytes).expect("writable");
    }
    std::fs::remove_file(crashed.0.path().join("portcullis.db-shm")).expect("a new one is made");
    let is_expected = |error: &OpenError| matches!(error, OpenError::Newer { migration, .. } if migration == "29990101000000");
    let before = content(crashed.0.path());
    let error = Sqlite::open(crashed.database(), quick()).map(drop).expect_err("refused");
    assert!(is_expected(&error), "{error:?}");
    let after: Vec<_> =
        crashed.content().into_iter().filter(|(path, _)| !path.ends_with("portcullis.db-shm")).collect();
    assert!(after == before, "database and log are as they were");

    drop(newer);
    assert_eq!(folder.content().len(), 1, "nobody has it open");
    assert_refused(folder.0.path(), &folder.database(), is_expected);
}

#[tokio::test]
async fn what_is_no_database_of_this_software_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    let text = folder.0.path().join("text");
    std::fs::write(
        &text,
        "not a database, though long enough to have a header of a hundred bytes if it were one. ".repeat(9),
    )
    .expect("writable");
    assert_refused(folder.0.path(), &text, |error| matches!(error, OpenError::NotADatabase { .. }));
    std::fs::remove_file(&text).expect("removed");

    execute(&mut folder.bare(), "CREATE TABLE somebody_elses (id INTEGER)");
    assert_refused(folder.0.path(), &folder.database(), |error| matches!(error, OpenError::Foreign { .. }));

    let inside = folder.database().join("portcullis.db");
    assert_refused(folder.0.path(), &inside, |error| matches!(error, OpenError::Folder { .. }));
    let nowhere = folder.0.path().join("nowhere/portcullis.db");
    assert_refused(folder.0.path(), &nowhere, |error| matches!(error, OpenError::Folder { .. }));
}

#[tokio::test]
async fn a_folder_in_place_of_the_file_is_refused() {
    let folder = Folder::new();
    let error = Sqlite::open(folder.0.path(), quick()).map(drop).expect_err("refused");
    assert!(matches!(error, OpenError::Unreadable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_database_that_another_process_holds_is_reported_as_locked() {
    let folder = Folder::new();
    drop(folder.open());
    let mut other = folder.bare();
    execute(&mut other, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    let error = Sqlite::open(folder.database(), quick()).map(drop).expect_err("refused");
    assert!(matches!(error, OpenError::Locked { .. }), "{error:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_readable_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let store = folder.open();
    store.commit(append(stream(1), Expected::New)).await.expect("kept");
    let files = folder.content();
    assert_eq!(files.len(), 3, "the database, its log and the log's index");
    for (path, _) in files {
        let mode = std::fs::metadata(&path).expect("readable").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn any_path_is_one_file() {
    let folder = Folder::new();
    let path = folder.0.path().join("a b?mode=memory#c%41é'\".db");
    let store = Sqlite::open(&path, Options::default()).expect("opens");
    store.commit(append(stream(1), Expected::New)).await.expect("kept");
    store.close().await;
    assert_eq!(folder.content().into_iter().map(|(path, _)| path).collect::<Vec<_>>(), [path]);
}

#[test]
fn processes_that_start_at_once_migrate_once() {
    let folder = Folder::new();
    let path = folder.database();
    // In a new file first, then in one where the engine knows the table of migrations and none of them is there.
    for _ in 0..20 {
        let starts: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                thread::spawn(move || Sqlite::open(path, Options::default()).map(drop))
            })
            .collect();
        for start in starts {
            start.join().expect("no panic").expect("opens");
        }
        while Sqlite::revert_migration(&path, Options::default()).expect("reverted").is_some() {}
    }
}

#[tokio::test]
async fn migrations_are_applied_listed_and_reverted() {
    let folder = Folder::new();
    let path = folder.database();
    let all: Vec<_> = Sqlite::migrations(&path, quick())
        .expect("listed")
        .into_iter()
        .map(|migration| migration.name)
        .collect();
    assert_eq!(all[0], "2026-11-20-000000_first_schema");
    assert_eq!(Sqlite::pending_migrations(&path, quick()).expect("listed"), all);
    assert_eq!(folder.content(), [], "listing makes no file");

    assert_eq!(Sqlite::migrate(&path, quick()).expect("migrated"), all);
    assert_eq!(Sqlite::migrate(&path, quick()).expect("nothing to do"), [""; 0]);
    assert!(Sqlite::migrations(&path, quick()).expect("listed").iter().all(|migration| migration.is_applied));
    let store = folder.open();
    store.commit(append(stream(1), Expected::New)).await.expect("kept");
    drop(store);

    for name in all.iter().rev() {
        assert_eq!(Sqlite::revert_migration(&path, quick()).expect("reverted").as_ref(), Some(name));
    }
    assert_eq!(Sqlite::revert_migration(&path, quick()).expect("none is left"), None);
    assert_eq!(Sqlite::pending_migrations(&path, quick()).expect("listed"), all);
    let store = folder.open();
    store.commit(append(stream(1), Expected::New)).await.expect("an empty log again");
}

#[tokio::test]
async fn opened_for_reading_alone_it_reads_beside_a_writer_and_writes_nothing() {
    let folder = Folder::new();
    assert!(matches!(
        Sqlite::open_read_only(folder.database(), quick()).map(drop),
        Err(OpenError::Outdated { .. })
    ));
    assert_eq!(folder.content(), [], "it makes no file");

    let writer = folder.open();
    writer.commit(append(stream(1), Expected::New)).await.expect("kept");
    let reader = Sqlite::open_read_only(folder.database(), quick()).expect("opens");
    writer.commit(append(stream(1), Expected::Exactly(1))).await.expect("kept");
    assert_eq!(reader.head(stream(1)).await.expect("read").expect("a head").version, 2);
    assert!(is_unavailable(&reader.commit(append(stream(2), Expected::New)).await));
    assert!(matches!(
        reader.wait(portcullis_domain::port::FeedCursor::START).await,
        Err(StoreError::Unavailable(_))
    ));

    drop(writer);
    drop(reader);
    let reader = Sqlite::open_read_only(folder.database(), quick()).expect("opens without a writer too");
    assert_eq!(reader.head(stream(1)).await.expect("read").expect("a head").version, 2);
}
