//! Applies a commit, in the transaction of the caller.

use std::collections::HashSet;

use diesel::{
    dsl::{delete, insert_into},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    commit::{Append, Claim, ClaimKey, Commit, CommitError, Committed, Expected, Guard},
    event::{Event, EventHash, NewEvent},
    port::{StoreError, StreamHead},
    seal::Sealed,
};
use portcullis_sql::{
    column::{RowName, StoredId, stored_id, stored_number, stored_time},
    schema::{claims, events, streams},
};
use uuid::Uuid;

use crate::{connection::newest_position, error::engine, event_store::find_head, row, statement::Cached};

/// Refuses what no caller means: such a commit is a defect of the program that made it.
pub(crate) fn check_shape(commit: &Commit) -> Result<(), StoreError> {
    if commit.appends.iter().any(|append| append.events.is_empty()) {
        return Err(StoreError::corrupt("an append without events"));
    }
    let mut seen = HashSet::new();
    let appended = commit.appends.iter().map(|append| append.stream);
    if !appended.chain(commit.guards.iter().map(|guard| guard.stream)).all(|stream| seen.insert(stream)) {
        return Err(StoreError::corrupt("one stream twice in a commit"));
    }
    Ok(())
}

/// Applies a commit. After an error the caller must roll back.
pub(crate) fn apply(connection: &mut SqliteConnection, commit: Commit) -> Result<Committed, CommitError> {
    for guard in &commit.guards {
        check(connection, guard)?;
    }
    for claim in &commit.claims {
        match claim {
            Claim::Take { key, owner } => take(connection, key, *owner)?,
            Claim::Release { key, owner } => release(connection, key, *owner).map_err(engine)?,
        }
    }
    let mut events = Vec::new();
    for one in commit.appends {
        append(connection, one, &mut events)?;
    }
    for change in &commit.rows {
        row::change(connection, change).map_err(engine)?;
    }
    for subject in &commit.shred {
        row::shred(connection, *subject).map_err(engine)?;
    }
    Ok(Committed { events })
}

/// The one writer has the write lock, so what a guard finds still holds when the commit is kept.
fn check(connection: &mut SqliteConnection, guard: &Guard) -> Result<(), CommitError> {
    let actual = find_head(connection, guard.stream)?.map_or(0, |head| head.version);
    Expected::Exactly(guard.version).check(guard.stream, actual)
}

fn take(connection: &mut SqliteConnection, key: &ClaimKey, owner: Uuid) -> Result<(), CommitError> {
    let stored = key.to_stored();
    let claim = (claims::key.eq(&stored), claims::owner.eq(stored_id(owner)));
    let statement = insert_into(claims::table).values(claim).on_conflict_do_nothing();
    if statement.execute(connection).map_err(engine)? == 1 {
        return Ok(());
    }
    let holder: StoredId =
        claims::table.find(&stored).select(claims::owner).first(connection).map_err(engine)?;
    let holder: Uuid = RowName::new("claims", key).id("owner", &holder)?;
    if holder == owner { Ok(()) } else { Err(CommitError::Taken { key: key.clone() }) }
}

fn release(connection: &mut SqliteConnection, key: &ClaimKey, owner: Uuid) -> QueryResult<()> {
    let held = claims::table.find(key.to_stored()).filter(claims::owner.eq(stored_id(owner)));
    Cached(delete(held)).run(connection)
}

/// Appends to one stream. Head and position are read here, in the transaction: another process may have written since the
/// last one.
fn append(
    connection: &mut SqliteConnection,
    append: Append,
    stored: &mut Vec<Event>,
) -> Result<(), CommitError> {
    let Append { stream, kind, expected, events } = append;
    let head = find_head(connection, stream)?;
    let mut version = head.map_or(0, |head| head.version);
    let mut hash = head.map_or(EventHash::GENESIS, |head| head.hash);
    expected.check(stream, version)?;
    let mut position = newest_position(connection).map_err(engine)?;
    let first = stored.len();
    for event in events {
        version += 1;
        position += 1;
        let event = Event::chained(event, position, stream, kind, version, hash);
        hash = event.hash;
        stored.push(event);
    }
    // The stream first: its events refer to it.
    put_head(connection, &StreamHead { stream, kind, version, hash }).map_err(engine)?;
    for event in &stored[first..] {
        insert(connection, event).map_err(engine)?;
    }
    Ok(())
}

fn put_head(connection: &mut SqliteConnection, head: &StreamHead) -> QueryResult<()> {
    let state = (
        streams::kind.eq(head.kind.as_str()),
        streams::version.eq(stored_number(head.version)),
        streams::hash.eq(head.hash.as_bytes().as_slice()),
    );
    let statement = insert_into(streams::table)
        .values((streams::stream_id.eq(stored_id(head.stream)), state))
        .on_conflict(streams::stream_id)
        .do_update()
        .set(state);
    Cached(statement).run(connection)
}

fn insert(connection: &mut SqliteConnection, stored: &Event) -> QueryResult<()> {
    let NewEvent { id, event_type, schema_version, actor, data, personal, recorded_at } = &stored.event;
    let statement = insert_into(events::table).values((
        events::position.eq(stored_number(stored.position)),
        events::id.eq(stored_id(*id)),
        events::stream_id.eq(stored_id(stored.stream)),
        events::stream_kind.eq(stored.stream_kind.as_str()),
        events::version.eq(stored_number(stored.version)),
        events::event_type.eq(event_type.as_str()),
        events::schema_version.eq(i64::from(*schema_version)),
        events::actor_kind.eq(actor.kind()),
        events::actor_id.eq(actor.id().map(stored_id)),
        events::data.eq(data.as_str()),
        events::personal.eq(personal.as_ref().map(Sealed::as_bytes)),
        events::recorded_at.eq(stored_time(*recorded_at)),
        events::prev_hash.eq(stored.prev_hash.as_bytes().as_slice()),
        events::hash.eq(stored.hash.as_bytes().as_slice()),
    ));
    Cached(statement).run(connection)
}
