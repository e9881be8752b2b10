//! How the engine finds events by other orders than the log's.

use std::time::Duration;

use chrono::DateTime;
use diesel::sqlite::SqliteConnection;
use portcullis_domain::{
    commit::{Commit, Expected, RowChange},
    event::EventType,
    port::{EventListQuery, EventScope, EventSearchQuery, EventStore},
};
use uuid::Uuid;

use super::{
    Folder, append,
    plan::{statements, steps},
    row::{id, member, put, user},
    stream, unique,
};
use crate::{connection, event_search};

/// Every combination of what a search can ask for.
fn searches() -> Vec<EventSearchQuery> {
    let mut searches = Vec::new();
    for scope in [EventScope::All, EventScope::Stream(stream(1)), EventScope::Company(id(7))] {
        for event_type in [None, Some(EventType::new("user.updated"))] {
            for actor in [None, Some(Uuid::from_u128(1))] {
                for (from, to) in [(None, None), (Some(id(1)), Some(id(u128::MAX)))] {
                    for text in [None, Some("{".to_owned())] {
                        let event_type = event_type.clone();
                        searches.push(EventSearchQuery { scope, event_type, actor, from, to, text });
                    }
                }
            }
        }
    }
    searches
}

/// Nothing reads a table or an index from one end to the other; what sorts, sorts what it has found.
fn assert_is_searched(connection: &mut SqliteConnection, run: impl FnOnce(&mut SqliteConnection)) {
    let texts = statements(connection, run);
    assert!(!texts.is_empty());
    for text in texts {
        let steps = steps(connection, &text);
        assert!(steps.iter().any(|step| step.starts_with("SEARCH")), "{text}: {steps:?}");
        assert!(!steps.iter().any(|step| step.contains("SCAN")), "{text}: {steps:?}");
        // The walk is in the order of its index.
        let is_walk = text.contains("INDEXED BY");
        assert!(!is_walk || !steps.iter().any(|step| step.contains("TEMP B-TREE")), "{text}: {steps:?}");
    }
}

#[tokio::test]
async fn no_search_reads_the_whole_log() {
    let folder = Folder::new();
    let store = folder.open();
    for person in [1, 2] {
        put(
            &store,
            vec![RowChange::PutUser(Box::new(user(person))), RowChange::PutMember(member(person, 7))],
        )
        .await;
        let commit = append(stream(person), Expected::Any);
        store.commit(commit).await.expect("written");
    }
    drop(store);
    let mut connection = connection::writing(&folder.database(), Duration::ZERO).expect("connects");
    for query in searches() {
        for before in [None, Some(unique().into())] {
            assert_is_searched(&mut connection, |connection| {
                event_search::search(connection, &query, before, 50).expect("found");
            });
        }
    }
}

#[tokio::test]
async fn no_list_of_a_stream_reads_another() {
    let folder = Folder::new();
    let store = folder.open();
    let commit = Commit { rows: Vec::new(), ..append(stream(1), Expected::Any) };
    store.commit(commit).await.expect("written");
    drop(store);
    let mut connection = connection::writing(&folder.database(), Duration::ZERO).expect("connects");
    for event_type in [None, Some(EventType::new("user.updated"))] {
        for is_descending in [false, true] {
            for (from, to) in [(0, u64::MAX), (1, 1)] {
                let query = EventListQuery { from, to, event_type: event_type.clone(), is_descending };
                assert_is_searched(&mut connection, |connection| {
                    event_search::list(connection, stream(1), &query, 50).expect("listed");
                });
            }
        }
    }
    let recent = [(EventType::new("user.updated"), DateTime::UNIX_EPOCH)];
    assert_is_searched(&mut connection, |connection| {
        event_search::statistics(connection, stream(1), &recent).expect("counted");
    });
}
