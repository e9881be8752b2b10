//! The log by other orders than its own. Every query walks one index from a place, and no further than a bound.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use diesel::{
    dsl::sql,
    prelude::*,
    sql_query,
    sql_types::{BigInt, Bool, Nullable, Text},
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    event::{Event, EventType, Version},
    id::{CompanyId, EventId, StreamId},
    port::{
        EventListQuery, EventPage, EventScope, EventSearch, EventSearchQuery, StoreError, StreamStatistics,
    },
};
use portcullis_sql::{
    column::{Id, Moment, RowName, StoredId, StoredTime, stored_id, stored_number, stored_time},
    row::EventRow,
    schema::{events, members},
};

use crate::{Sqlite, error::engine, event_store::find_head, statement::Cached};

/// How many events one page looks at.
pub(crate) const WINDOW: usize = 1_000;
/// How many of each of a company's streams: more than any page holds.
const COMPANY_WINDOW: usize = 256;
/// How many ids are gathered before the least of them are let go.
const GATHERED: usize = 64 * COMPANY_WINDOW;

const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

/// Where a walk goes: the index, with the value of its first column where it has two.
enum Walk {
    All,
    OfType(String),
    OfActor(StoredId),
    OfStream(StoredId),
}

/// A range of ids: from one on, to another, without it.
struct Range {
    from: StoredId,
    to: StoredId,
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Id)]
    id: StoredId,
}

#[derive(QueryableByName)]
struct Whole {
    #[diesel(sql_type = BigInt)]
    events: i64,
    #[diesel(sql_type = Nullable<Moment>)]
    first_at: Option<StoredTime>,
    #[diesel(sql_type = Nullable<Moment>)]
    last_at: Option<StoredTime>,
}

#[derive(QueryableByName)]
struct OfType {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    events: i64,
}

#[derive(QueryableByName)]
struct OfDay {
    #[diesel(sql_type = BigInt)]
    day: i64,
    #[diesel(sql_type = BigInt)]
    events: i64,
}

/// A stream, counted.
pub(crate) struct Counted {
    whole: Whole,
    by_type: Vec<OfType>,
    by_day: Vec<OfDay>,
    recent: Vec<u64>,
}

impl Walk {
    fn of(query: &EventSearchQuery) -> Option<Self> {
        match (query.scope, query.actor, &query.event_type) {
            (EventScope::Company(_), ..) => None,
            (EventScope::Stream(stream), ..) => Some(Self::OfStream(stored_id(stream))),
            (EventScope::All, Some(actor), _) => Some(Self::OfActor(stored_id(actor))),
            (EventScope::All, None, Some(event_type)) => Some(Self::OfType(event_type.as_str().to_owned())),
            (EventScope::All, None, None) => Some(Self::All),
        }
    }

    /// The ids of a range, from its end.
    fn ids(
        &self,
        connection: &mut SqliteConnection,
        range: &Range,
        limit: usize,
    ) -> QueryResult<Vec<StoredId>> {
        // Named, for the engine would have to guess, and no guess may read the whole table.
        let (index, condition) = match self {
            Self::All => ("sqlite_autoindex_events_1", "?1 IS NULL"),
            Self::OfType(_) => ("events_by_type", "type = ?1"),
            Self::OfActor(_) => ("events_by_actor", "actor_id = ?1"),
            Self::OfStream(_) => ("events_by_stream", "stream_id = ?1"),
        };
        let text = format!(
            "SELECT id FROM events INDEXED BY {index} WHERE {condition} AND id >= ?2 AND id < ?3 \
             ORDER BY id DESC LIMIT ?4"
        );
        let query = sql_query(text).into_boxed::<diesel::sqlite::Sqlite>();
        let query = match self {
            Self::All => query.bind::<Nullable<Id>, _>(None::<StoredId>),
            Self::OfType(name) => query.bind::<Text, _>(name),
            Self::OfActor(id) | Self::OfStream(id) => query.bind::<Id, _>(id),
        };
        let rows: Vec<IdRow> = query
            .bind::<Id, _>(&range.from)
            .bind::<Id, _>(&range.to)
            .bind::<BigInt, _>(stored_number(limit))
            .load(connection)?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }
}

/// The ids that one page looks at, the greatest first, and whether there are more.
fn window(
    connection: &mut SqliteConnection,
    query: &EventSearchQuery,
    range: &Range,
) -> QueryResult<(Vec<StoredId>, bool)> {
    let (mut ids, size) = match (Walk::of(query), query.scope) {
        (Some(walk), _) => (walk.ids(connection, range, WINDOW + 1)?, WINDOW),
        (None, EventScope::Company(company)) => (ids_of_company(connection, company, range)?, COMPANY_WINDOW),
        (None, _) => (Vec::new(), WINDOW),
    };
    let has_more = ids.len() > size;
    ids.truncate(size);
    Ok((ids, has_more))
}

/// The greatest of each stream's, merged: beyond the bound nothing can be among the first.
fn ids_of_company(
    connection: &mut SqliteConnection,
    company: CompanyId,
    range: &Range,
) -> QueryResult<Vec<StoredId>> {
    let of_members: Vec<StoredId> = members::table
        .filter(members::company_id.eq(stored_id(company)).and(members::status.eq("active")))
        .select(members::user_id)
        .load(connection)?;
    let mut ids = Vec::new();
    for stream in std::iter::once(stored_id(company)).chain(of_members) {
        ids.extend(Walk::OfStream(stream).ids(connection, range, COMPANY_WINDOW + 1)?);
        if ids.len() > GATHERED {
            keep_greatest(&mut ids);
        }
    }
    keep_greatest(&mut ids);
    Ok(ids)
}

fn keep_greatest(ids: &mut Vec<StoredId>) {
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids.truncate(COMPANY_WINDOW + 1);
}

/// Those of a window that meet every filter, the greatest id first.
fn matching(
    connection: &mut SqliteConnection,
    query: &EventSearchQuery,
    ids: &[StoredId],
    limit: usize,
) -> Result<Vec<Event>, StoreError> {
    let mut found = events::table
        .filter(events::id.eq_any(ids.to_vec()))
        .order(events::id.desc())
        .limit(stored_number(limit))
        .into_boxed();
    // A plus keeps the engine from an index other than that of the ids.
    if let Some(event_type) = &query.event_type {
        found = found.filter(sql::<Text>("+type").eq(event_type.as_str()));
    }
    if let Some(actor) = query.actor {
        found = found.filter(sql::<Nullable<Id>>("+actor_id").eq(stored_id(actor)));
    }
    if let Some(text) = &query.text {
        found = found.filter(sql::<Bool>("instr(data, ").bind::<Text, _>(text).sql(") > 0"));
    }
    let rows: Vec<EventRow> = found.select(EventRow::as_select()).load(connection).map_err(engine)?;
    rows.into_iter().map(Event::try_from).collect()
}

pub(crate) fn search(
    connection: &mut SqliteConnection,
    query: &EventSearchQuery,
    before: Option<EventId>,
    limit: usize,
) -> Result<EventPage<EventId>, StoreError> {
    let ends = [before, query.to].into_iter().flatten().map(stored_id);
    // Longer than any id, and so greater than all.
    let range = Range {
        from: query.from.map(stored_id).unwrap_or_default(),
        to: ends.min().unwrap_or_else(|| StoredId(vec![0xff; 17])),
    };
    let (ids, has_more) = window(connection, query, &range).map_err(engine)?;
    let mut events = matching(connection, query, &ids, limit + 1)?;
    let is_full = events.len() > limit;
    events.truncate(limit);
    let next = if is_full {
        events.last().map(|event| event.event.id)
    } else {
        let last = ids.last().filter(|_| has_more);
        last.map(|id| RowName::new("events", "an index").id("id", id)).transpose()?
    };
    Ok(EventPage { events, next })
}

pub(crate) fn list(
    connection: &mut SqliteConnection,
    stream: StreamId,
    query: &EventListQuery,
    limit: usize,
) -> Result<EventPage<Version>, StoreError> {
    let head = find_head(connection, stream)?.map_or(0, |head| head.version);
    let (from, to) = (query.from.max(1), query.to.min(head));
    if from > to {
        return Ok(EventPage { events: Vec::new(), next: None });
    }
    // Versions have no gap, so this is where the window ends.
    let width = WINDOW as u64 - 1;
    let (low, high) = if query.is_descending {
        (from.max(to.saturating_sub(width)), to)
    } else {
        (from, to.min(from.saturating_add(width)))
    };
    let mut found = events::table
        .filter(events::stream_id.eq(stored_id(stream)))
        .filter(events::version.between(stored_number(low), stored_number(high)))
        .limit(stored_number(limit + 1))
        .into_boxed();
    found = if query.is_descending {
        found.order(events::version.desc())
    } else {
        found.order(events::version.asc())
    };
    if let Some(event_type) = &query.event_type {
        found = found.filter(sql::<Text>("+type").eq(event_type.as_str()));
    }
    let rows: Vec<EventRow> = found.select(EventRow::as_select()).load(connection).map_err(engine)?;
    let mut events = rows.into_iter().map(Event::try_from).collect::<Result<Vec<_>, _>>()?;
    let is_full = events.len() > limit;
    events.truncate(limit);
    let (end, is_last) = if query.is_descending { (low, low == from) } else { (high, high == to) };
    let next = if is_full { events.last().map(|event| event.version) } else { (!is_last).then_some(end) };
    Ok(EventPage { events, next })
}

pub(crate) fn statistics(
    connection: &mut SqliteConnection,
    stream: StreamId,
    recent: &[(EventType, DateTime<Utc>)],
) -> QueryResult<Counted> {
    let stream = stored_id(stream);
    let whole = sql_query(
        "SELECT count(*) AS events, min(recorded_at) AS first_at, max(recorded_at) AS last_at FROM events \
         WHERE stream_id = ?1",
    );
    let whole = Cached(whole.bind::<Id, _>(&stream)).get_result(connection)?;
    let by_type = sql_query(
        "SELECT type AS name, count(*) AS events FROM events WHERE stream_id = ?1 \
         GROUP BY type ORDER BY count(*) DESC, type LIMIT ?2",
    );
    let by_type =
        by_type.bind::<Id, _>(&stream).bind::<BigInt, _>(stored_number(StreamStatistics::MOST_TYPES));
    let by_type = Cached(by_type).load(connection)?;
    // The engine's remainder has the sign of the time, and days before 1970 begin earlier.
    let by_day = sql_query(
        "SELECT (recorded_at - ((recorded_at % ?2) + ?2) % ?2) / ?2 AS day, count(*) AS events FROM events \
         WHERE stream_id = ?1 GROUP BY day ORDER BY day DESC LIMIT ?3",
    );
    let by_day = by_day
        .bind::<Id, _>(&stream)
        .bind::<BigInt, _>(MICROSECONDS_A_DAY)
        .bind::<BigInt, _>(stored_number(StreamStatistics::MOST_DAYS));
    let by_day = Cached(by_day).load(connection)?;
    let mut counts = Vec::with_capacity(recent.len());
    for (event_type, since) in recent {
        let count: i64 = events::table
            .filter(events::stream_id.eq(&stream))
            .filter(sql::<Text>("+type").eq(event_type.as_str()))
            .filter(events::recorded_at.ge(stored_time(*since)))
            .count()
            .get_result(connection)?;
        counts.push(count.unsigned_abs());
    }
    Ok(Counted { whole, by_type, by_day, recent: counts })
}

#[async_trait]
impl EventSearch for Sqlite {
    async fn list(
        &self,
        stream: StreamId,
        query: &EventListQuery,
        limit: usize,
    ) -> Result<EventPage<Version>, StoreError> {
        let query = query.clone();
        self.read(move |connection| list(connection, stream, &query, limit)).await
    }

    async fn search(
        &self,
        query: &EventSearchQuery,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<EventPage<EventId>, StoreError> {
        let query = query.clone();
        self.read(move |connection| search(connection, &query, before, limit)).await
    }

    async fn statistics(
        &self,
        stream: StreamId,
        recent: &[(EventType, DateTime<Utc>)],
    ) -> Result<StreamStatistics, StoreError> {
        let recent = recent.to_vec();
        let counted = self.read(move |connection| {
            // All of it sees one state.
            connection.transaction(|connection| statistics(connection, stream, &recent)).map_err(engine)
        });
        let Counted { whole, by_type, by_day, recent } = counted.await?;
        let name = RowName::new("events", format!("stream {stream}"));
        let time = |at: Option<StoredTime>| at.map(|at| name.time("recorded_at", at)).transpose();
        let day = |OfDay { day, events }| {
            let date =
                TimeDelta::try_days(day).and_then(|days| NaiveDate::default().checked_add_signed(days));
            date.map(|date| (date, events.unsigned_abs())).ok_or_else(|| name.corrupt("a day out of range"))
        };
        Ok(StreamStatistics {
            events: whole.events.unsigned_abs(),
            by_type: by_type
                .into_iter()
                .map(|OfType { name, events }| (EventType::new(name), events.unsigned_abs()))
                .collect(),
            by_day: by_day.into_iter().map(day).collect::<Result<BTreeMap<_, _>, _>>()?,
            first_at: time(whole.first_at)?,
            last_at: time(whole.last_at)?,
            recent,
        })
    }
}
