//! Applies a commit in at most three round trips:
//!
//! 1. the transaction begins, takes the advisory locks of its streams and keys, and reads heads, holders and positions;
//! 2. everything is written, each statement sent without waiting for the one before it;
//! 3. the transaction ends.
//!
//! The first trip writes nothing, so a transaction that waits for its locks has no id yet and holds up no reader of the feed. What
//! it reads cannot change before it ends: whoever else would write there waits for the same locks. They are taken in the order of
//! their numbers, so that no two commits wait for each other.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt::Write,
};

use diesel::{
    QueryResult,
    dsl::delete,
    prelude::*,
    result::Error as EngineError,
    sql_query,
    sql_types::{Array, BigInt, Binary, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures::{
    FutureExt, TryFutureExt,
    future::{BoxFuture, ready, try_join_all},
};
use portcullis_domain::{
    commit::{Append, Claim, ClaimKey, Commit, CommitError, Committed, Expected, Guard},
    event::{Event, EventHash},
    id::StreamId,
    port::{FeedCursor, StoreError, StreamHead},
    seal::Sealed,
};
use portcullis_sql::{
    column::{RowName, StoredId, stored_id, stored_number},
    row::HeadRow,
    schema::{claims, streams},
};
use uuid::Uuid;

use crate::{
    column::column,
    error::engine,
    replay, row,
    statement::{Cached, Sent},
};

/// Why a try at a commit failed.
pub(crate) enum Failure {
    /// It does not apply.
    Refused(CommitError),
    /// The engine failed; after a deadlock it is worth another try.
    Engine(EngineError),
}

/// Claims in the end, by their stored text: who held the key before, and who does after.
type Holders = BTreeMap<String, (Option<Uuid>, Option<Uuid>)>;

/// Where the commit's streams are.
type Heads = HashMap<StreamId, StreamHead>;

/// What the first round trip found.
struct Found {
    heads: Vec<HeadRow>,
    holders: Vec<(String, StoredId)>,
    positions: Vec<i64>,
}

#[derive(QueryableByName)]
struct Position {
    #[diesel(sql_type = BigInt)]
    position: i64,
}

#[derive(QueryableByName)]
struct Transaction {
    #[diesel(sql_type = BigInt)]
    transaction_id: i64,
}

/// Refuses what no caller means: such a commit is a defect of the program that made it.
pub(crate) fn check_shape(Commit { appends, guards, .. }: &Commit) -> Result<(), StoreError> {
    if appends.iter().any(|append| append.events.is_empty()) {
        return Err(StoreError::corrupt("an append without events"));
    }
    let mut seen = HashSet::new();
    let mut streams = streams_of(appends, guards);
    if !streams.all(|stream| seen.insert(stream)) {
        return Err(StoreError::corrupt("one stream twice among appends and guards"));
    }
    Ok(())
}

/// Every stream that the commit rests on: each is locked, and its head is read.
fn streams_of(appends: &[Append], guards: &[Guard]) -> impl Iterator<Item = StreamId> {
    let appended = appends.iter().map(|append| append.stream);
    appended.chain(guards.iter().map(|guard| guard.stream))
}

/// Applies a commit, and tells where in the feed its last event is. After an error the caller must roll back.
pub(crate) async fn apply(
    connection: &mut AsyncPgConnection,
    commit: &Commit,
) -> Result<(Committed, FeedCursor), Failure> {
    let found = begin(connection, commit).await?;
    let heads = read_heads(found.heads)?;
    check_guards(&commit.guards, &heads)?;
    let holders = settle_claims(&commit.claims, found.holders)?;
    let (events, heads) = chain(commit, &heads, found.positions)?;
    let transaction = write(connection, commit, &holders, &heads, &events).await?;
    connection.batch_execute("COMMIT").await?;
    let position = events.last().map_or(0, |event| event.position);
    Ok((Committed { events }, FeedCursor { transaction, position }))
}

/// The first round trip.
async fn begin(connection: &AsyncPgConnection, commit: &Commit) -> QueryResult<Found> {
    let of_streams: Vec<Uuid> = streams_of(&commit.appends, &commit.guards).map(Uuid::from).collect();
    let keys: Vec<String> = commit.claims.iter().map(|claim| key_of(claim).to_stored()).collect();
    let count = commit.appends.iter().map(|append| append.events.len()).sum::<usize>();
    let locks = lock_numbers(&of_streams, &keys);

    let mut with_locks = connection;
    let mut sql = "BEGIN ISOLATION LEVEL READ COMMITTED".to_owned();
    for number in locks {
        // Statements of their own: those after them see what was committed while they waited.
        write!(sql, "; SELECT pg_advisory_xact_lock({number})").expect("a string takes any text");
    }
    // It is sent when first polled, which is before the others are.
    let begun = with_locks.batch_execute(&sql);

    let heads: BoxFuture<'_, QueryResult<Vec<HeadRow>>> = if of_streams.is_empty() {
        ready(Ok(Vec::new())).boxed()
    } else {
        let query = streams::table.filter(streams::stream_id.eq_any(of_streams.into_iter().map(stored_id)));
        loaded(connection, Cached(query.select(HeadRow::as_select())))
    };
    let holders: BoxFuture<'_, QueryResult<Vec<(String, StoredId)>>> = if keys.is_empty() {
        ready(Ok(Vec::new())).boxed()
    } else {
        let query = claims::table.filter(claims::key.eq_any(keys)).select((claims::key, claims::owner));
        loaded(connection, Cached(query))
    };
    let positions: BoxFuture<'_, QueryResult<Vec<Position>>> = if count == 0 {
        ready(Ok(Vec::new())).boxed()
    } else {
        let query = sql_query("SELECT nextval('event_positions') AS position FROM generate_series(1, $1)");
        loaded(connection, Cached(query.bind::<BigInt, _>(stored_number(count))))
    };
    let ((), heads, holders, positions) = futures::try_join!(begun, heads, holders, positions)?;
    let mut positions: Vec<_> = positions.into_iter().map(|drawn| drawn.position).collect();
    positions.sort_unstable();
    Ok(Found { heads, holders, positions })
}

/// A query sent when first polled, whatever else is on its way.
fn loaded<'c, Q, T>(connection: &'c AsyncPgConnection, query: Q) -> BoxFuture<'c, QueryResult<Vec<T>>>
where
    Q: diesel_async::methods::LoadQuery<'c, &'c AsyncPgConnection, T> + Send + 'c,
    T: Send + 'c,
{
    async move {
        let mut connection = connection;
        query.load(&mut connection).await
    }
    .boxed()
}

/// A number for each stream and key, in order. Two that share one only wait for each other.
fn lock_numbers(streams: &[Uuid], keys: &[String]) -> BTreeSet<i64> {
    let number = |bytes: &[u8]| {
        let hash = blake3::hash(bytes);
        i64::from_be_bytes(hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes"))
    };
    let streams = streams.iter().map(|stream| number(stream.as_bytes()));
    streams.chain(keys.iter().map(|key| number(key.as_bytes()))).collect()
}

const fn key_of(claim: &Claim) -> &ClaimKey {
    match claim {
        Claim::Take { key, .. } | Claim::Release { key, .. } => key,
    }
}

/// Goes through the claims in their order, from who holds the keys now.
fn settle_claims(listed: &[Claim], held: Vec<(String, StoredId)>) -> Result<Holders, CommitError> {
    let held = held.into_iter().map(|(key, owner)| {
        let owner = RowName::new("claims", &key).id("owner", &owner)?;
        Ok((key, owner))
    });
    let held = held.collect::<Result<HashMap<String, Uuid>, StoreError>>()?;
    let mut holders = Holders::new();
    for claim in listed {
        let stored = key_of(claim).to_stored();
        let before = held.get(&stored).copied();
        let (_, holder) = holders.entry(stored).or_insert((before, before));
        match claim {
            Claim::Take { key, owner } => match *holder {
                Some(other) if other != *owner => return Err(CommitError::Taken { key: key.clone() }),
                _ => *holder = Some(*owner),
            },
            Claim::Release { owner, .. } => {
                holder.take_if(|holder| holder == owner);
            }
        }
    }
    holders.retain(|_, (before, after)| before != after);
    Ok(holders)
}

fn read_heads(rows: Vec<HeadRow>) -> Result<Heads, CommitError> {
    let heads = rows.into_iter().map(StreamHead::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(heads.into_iter().map(|head| (head.stream, head)).collect())
}

/// Whoever would append to a guarded stream waits for the lock that this commit holds until it ends: of two that each guard what
/// the other appends to, the second finds the first's version.
fn check_guards(guards: &[Guard], heads: &Heads) -> Result<(), CommitError> {
    guards.iter().try_for_each(|guard| {
        let actual = heads.get(&guard.stream).map_or(0, |head| head.version);
        Expected::Exactly(guard.version).check(guard.stream, actual)
    })
}

/// Gives each event its place.
fn chain(
    commit: &Commit,
    heads: &Heads,
    positions: Vec<i64>,
) -> Result<(Vec<Event>, Vec<StreamHead>), CommitError> {
    let mut positions = positions.into_iter().map(i64::unsigned_abs);
    let mut events = Vec::new();
    let mut moved = Vec::new();
    for Append { stream, kind, expected, events: new } in &commit.appends {
        let head = heads.get(stream);
        let mut version = head.map_or(0, |head| head.version);
        let mut hash = head.map_or(EventHash::GENESIS, |head| head.hash);
        expected.check(*stream, version)?;
        for event in new {
            version += 1;
            let position =
                positions.next().ok_or_else(|| StoreError::corrupt("the sequence gave too few positions"))?;
            let event = Event::chained(event.clone(), position, *stream, *kind, version, hash);
            hash = event.hash;
            events.push(event);
        }
        moved.push(StreamHead { stream: *stream, kind: *kind, version, hash });
    }
    Ok((events, moved))
}

/// The second round trip. Returns the transaction's id, or 0 where it wrote no event.
async fn write(
    connection: &AsyncPgConnection,
    commit: &Commit,
    holders: &Holders,
    heads: &[StreamHead],
    events: &[Event],
) -> QueryResult<u64> {
    let mut steps: Vec<Sent<'_>> = Vec::new();
    put_holders(connection, holders, &mut steps);
    if !heads.is_empty() {
        steps.push(put_heads(connection, heads));
    }
    row::changes(connection, &commit.rows, &mut steps);
    if !commit.shred.is_empty() {
        steps.push(row::shred(connection, &commit.shred));
        steps.push(replay::forget(connection, &commit.shred));
    }
    let inserted = if events.is_empty() { ready(Ok(0)).boxed() } else { insert(connection, events) };
    let (_, transaction) = futures::try_join!(try_join_all(steps), inserted)?;
    Ok(transaction)
}

/// What changes hands is deleted first: there is no moment at which a key has two holders.
fn put_holders<'c>(connection: &'c AsyncPgConnection, holders: &Holders, steps: &mut Vec<Sent<'c>>) {
    let given: Vec<_> =
        holders.iter().filter(|(_, (before, _))| before.is_some()).map(|(key, _)| key.clone()).collect();
    let taken = || holders.iter().filter_map(|(key, (_, after))| Some((key.clone(), (*after)?)));
    let (keys, owners): (Vec<String>, Vec<Uuid>) = taken().unzip();
    if !given.is_empty() {
        steps.push(Cached(delete(claims::table.filter(claims::key.eq_any(given)))).step(connection));
    }
    if !keys.is_empty() {
        let statement = sql_query("INSERT INTO claims (key, owner) SELECT * FROM unnest($1, $2)")
            .bind::<Array<Text>, _>(keys)
            .bind::<Array<SqlUuid>, _>(owners);
        steps.push(Cached(statement).step(connection));
    }
}

fn put_heads<'c>(connection: &'c AsyncPgConnection, heads: &[StreamHead]) -> Sent<'c> {
    let statement = sql_query(
        "INSERT INTO streams (stream_id, kind, version, hash) SELECT * FROM unnest($1, $2, $3, $4)
         ON CONFLICT (stream_id) DO UPDATE SET kind = excluded.kind, version = excluded.version, hash = excluded.hash",
    )
    .bind::<Array<SqlUuid>, _>(column(heads, |head| Uuid::from(head.stream)))
    .bind::<Array<Text>, _>(column(heads, |head| head.kind.as_str().to_owned()))
    .bind::<Array<BigInt>, _>(column(heads, |head| stored_number(head.version)))
    .bind::<Array<Binary>, _>(column(heads, |head| head.hash.as_bytes().to_vec()));
    Cached(statement).step(connection)
}

fn insert<'c>(connection: &'c AsyncPgConnection, events: &[Event]) -> BoxFuture<'c, QueryResult<u64>> {
    let statement = sql_query(
        "INSERT INTO events (transaction_id, position, id, stream_id, stream_kind, version, type, schema_version, actor_kind,
                             actor_id, data, personal, recorded_at, prev_hash, hash)
         SELECT pg_current_xact_id()::text::bigint, *
         FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         RETURNING transaction_id",
    )
    .bind::<Array<BigInt>, _>(column(events, |stored| stored_number(stored.position)))
    .bind::<Array<SqlUuid>, _>(column(events, |stored| Uuid::from(stored.event.id)))
    .bind::<Array<SqlUuid>, _>(column(events, |stored| Uuid::from(stored.stream)))
    .bind::<Array<Text>, _>(column(events, |stored| stored.stream_kind.as_str().to_owned()))
    .bind::<Array<BigInt>, _>(column(events, |stored| stored_number(stored.version)))
    .bind::<Array<Text>, _>(column(events, |stored| stored.event.event_type.as_str().to_owned()))
    .bind::<Array<BigInt>, _>(column(events, |stored| i64::from(stored.event.schema_version)))
    .bind::<Array<Text>, _>(column(events, |stored| stored.event.actor.kind().to_owned()))
    .bind::<Array<Nullable<SqlUuid>>, _>(column(events, |stored| stored.event.actor.id()))
    .bind::<Array<Text>, _>(column(events, |stored| stored.event.data.as_str().to_owned()))
    .bind::<Array<Nullable<Binary>>, _>(column(events, |stored| {
        stored.event.personal.as_ref().map(Sealed::as_bytes).map(<[u8]>::to_vec)
    }))
    .bind::<Array<Timestamptz>, _>(column(events, |stored| stored.event.recorded_at))
    .bind::<Array<Binary>, _>(column(events, |stored| stored.prev_hash.as_bytes().to_vec()))
    .bind::<Array<Binary>, _>(column(events, |stored| stored.hash.as_bytes().to_vec()));
    loaded::<_, Transaction>(connection, Cached(statement))
        .map_ok(|rows| rows.into_iter().next().map_or(0, |row| row.transaction_id.unsigned_abs()))
        .boxed()
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        Self::Refused(error)
    }
}

impl From<Failure> for CommitError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => error,
            Failure::Engine(error) => Self::Store(engine(error)),
        }
    }
}
