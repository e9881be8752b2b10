//! The log by other orders than its own. Every query walks one index from a place, and no further than a bound.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    QueryResult,
    dsl::sql,
    pg::Pg,
    prelude::*,
    query_builder::BoxedSqlQuery,
    sql_query,
    sql_types::{BigInt, Bool, Date, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    event::{Event, EventType, Version},
    id::{EventId, StreamId},
    port::{
        EventListQuery, EventPage, EventScope, EventSearch, EventSearchQuery, StoreError, StreamHead,
        StreamStatistics,
    },
};
use portcullis_sql::{
    column::{Id, RowName, StoredId, stored_id, stored_number, stored_time},
    row::{EventRow, HeadRow},
    schema::{events, streams},
};
use uuid::Uuid;

use crate::{Postgres, column::storable, detached, error::engine, statement::Cached};

/// How many events one page looks at.
pub(crate) const WINDOW: usize = 1_000;
/// How many of each of a company's streams: more than any page holds.
const COMPANY_WINDOW: usize = 256;

/// Both columns are compared and sorted by, though one of them is the same in all: else another index would do as well, and one day the server
/// would take it and read the whole of it.
const OF_TYPE: &str = "SELECT id FROM events WHERE (type, id) >= ($1, $2) AND (type, id) < ($1, $3) \
    ORDER BY type DESC, id DESC LIMIT $4";
const OF_ACTOR: &str = "SELECT id FROM events WHERE actor_id IS NOT NULL AND (actor_id, id) >= ($1, $2) AND (actor_id, id) < ($1, $3) \
    ORDER BY actor_id DESC, id DESC LIMIT $4";
const OF_STREAM: &str = "SELECT id FROM events WHERE (stream_id, id) >= ($1, $2) AND (stream_id, id) < ($1, $3) \
    ORDER BY stream_id DESC, id DESC LIMIT $4";
const OF_ALL: &str = "SELECT id FROM events WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT $3";
/// The greatest of each stream's, merged: beyond the bound nothing can be among the first.
const OF_COMPANY: &str = "SELECT found.id FROM (SELECT $1::uuid AS stream_id UNION ALL \
        SELECT user_id FROM members WHERE company_id = $1 AND status = 'active') AS streams \
    CROSS JOIN LATERAL (SELECT id FROM events \
        WHERE (events.stream_id, id) >= (streams.stream_id, $2) AND (events.stream_id, id) < (streams.stream_id, $3) \
        ORDER BY events.stream_id DESC, id DESC LIMIT $4) AS found \
    ORDER BY found.id DESC LIMIT $4";

const WHOLE: &str = "SELECT count(*) AS events, min(recorded_at) AS first_at, max(recorded_at) AS last_at FROM events \
    WHERE stream_id = $1";
const BY_TYPE: &str = "SELECT type AS name, count(*) AS events FROM events WHERE stream_id = $1 \
    GROUP BY type ORDER BY count(*) DESC, type COLLATE \"C\" LIMIT $2";
const BY_DAY: &str = "SELECT (recorded_at AT TIME ZONE 'UTC')::date AS day, count(*) AS events FROM events WHERE stream_id = $1 \
    GROUP BY 1 ORDER BY 1 DESC LIMIT $2";

/// The walk of a search along its index.
pub(crate) type Walk = BoxedSqlQuery<'static, Pg, diesel::query_builder::SqlQuery>;

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Id)]
    id: StoredId,
}

#[derive(QueryableByName)]
struct Whole {
    #[diesel(sql_type = BigInt)]
    events: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    first_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last_at: Option<DateTime<Utc>>,
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
    #[diesel(sql_type = Date)]
    day: NaiveDate,
    #[diesel(sql_type = BigInt)]
    events: i64,
}

/// A stream, counted.
struct Counted {
    whole: Whole,
    by_type: Vec<OfType>,
    by_day: Vec<OfDay>,
    recent: Vec<i64>,
}

/// The statement that walks along the ids of a search, and how many a page looks at.
pub(crate) fn walk(query: &EventSearchQuery, before: Option<EventId>) -> (Walk, usize) {
    let from: Uuid = query.from.map_or_else(Uuid::nil, Uuid::from);
    let to = [before, query.to].into_iter().flatten().map(Uuid::from).min().unwrap_or_else(Uuid::max);
    let boxed = |text: &'static str| sql_query(text).into_boxed::<Pg>();
    let (walk, size) = match (query.scope, query.actor, &query.event_type) {
        (EventScope::Company(company), ..) => {
            (boxed(OF_COMPANY).bind::<SqlUuid, _>(Uuid::from(company)), COMPANY_WINDOW)
        }
        (EventScope::Stream(stream), ..) => (boxed(OF_STREAM).bind::<SqlUuid, _>(Uuid::from(stream)), WINDOW),
        (EventScope::All, Some(actor), _) => (boxed(OF_ACTOR).bind::<SqlUuid, _>(actor), WINDOW),
        (EventScope::All, None, Some(event_type)) => {
            (boxed(OF_TYPE).bind::<Text, _>(event_type.as_str().to_owned()), WINDOW)
        }
        (EventScope::All, None, None) => (boxed(OF_ALL), WINDOW),
    };
    let walk =
        walk.bind::<SqlUuid, _>(from).bind::<SqlUuid, _>(to).bind::<BigInt, _>(stored_number(size + 1));
    (walk, size)
}

/// Those of the ids that meet every filter, the greatest first.
async fn matching(
    connection: &mut AsyncPgConnection,
    query: &EventSearchQuery,
    ids: Vec<StoredId>,
    limit: usize,
) -> QueryResult<Vec<EventRow>> {
    let mut found = events::table
        .filter(events::id.eq_any(ids))
        .order(events::id.desc())
        .limit(stored_number(limit))
        .into_boxed();
    if let Some(event_type) = &query.event_type {
        found = found.filter(events::event_type.eq(event_type.as_str().to_owned()));
    }
    if let Some(actor) = query.actor {
        found = found.filter(events::actor_id.eq(stored_id(actor)));
    }
    if let Some(text) = &query.text {
        found = found.filter(sql::<Bool>("strpos(data, ").bind::<Text, _>(text.clone()).sql(") > 0"));
    }
    found.select(EventRow::as_select()).load(connection).await
}

/// All of it sees one state.
async fn count(
    connection: &mut AsyncPgConnection,
    stream: StoredId,
    recent: &[(EventType, DateTime<Utc>)],
) -> QueryResult<Counted> {
    let mut transaction = connection.build_transaction().read_only().repeatable_read();
    transaction
        .run(async |connection| {
            let whole = Cached(sql_query(WHOLE).bind::<Id, _>(&stream)).get_result(connection).await?;
            let by_type = sql_query(BY_TYPE)
                .bind::<Id, _>(&stream)
                .bind::<BigInt, _>(stored_number(StreamStatistics::MOST_TYPES));
            let by_type = Cached(by_type).load(connection).await?;
            let by_day = sql_query(BY_DAY)
                .bind::<Id, _>(&stream)
                .bind::<BigInt, _>(stored_number(StreamStatistics::MOST_DAYS));
            let by_day = Cached(by_day).load(connection).await?;
            let mut counts = Vec::with_capacity(recent.len());
            for (event_type, since) in recent {
                let of_type = events::table
                    .filter(events::stream_id.eq(&stream))
                    .filter(events::event_type.eq(event_type.as_str()))
                    .filter(events::recorded_at.ge(stored_time(*since)));
                counts.push(of_type.count().get_result(connection).await?);
            }
            Ok(Counted { whole, by_type, by_day, recent: counts })
        })
        .await
}

/// Whether what is looked for cannot be in this store: no text in it has a NUL.
fn is_unstorable<'t>(texts: impl IntoIterator<Item = &'t str>) -> bool {
    texts.into_iter().any(|text| storable(text.to_owned()).is_none())
}

#[async_trait]
impl EventSearch for Postgres {
    async fn list(
        &self,
        stream: StreamId,
        query: &EventListQuery,
        limit: usize,
    ) -> Result<EventPage<Version>, StoreError> {
        let none = EventPage { events: Vec::new(), next: None };
        if is_unstorable(query.event_type.as_ref().map(EventType::as_str)) {
            return Ok(none);
        }
        let mut connection = self.connection().await?;
        let head = streams::table.find(stored_id(stream)).select(HeadRow::as_select());
        let head: Option<HeadRow> = head.first(&mut connection).await.optional().map_err(engine)?;
        let head = head.map(StreamHead::try_from).transpose()?.map_or(0, |head| head.version);
        let (from, to) = (query.from.max(1), query.to.min(head));
        if from > to {
            return Ok(none);
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
            found = found.filter(events::event_type.eq(event_type.as_str().to_owned()));
        }
        let rows: Vec<EventRow> =
            found.select(EventRow::as_select()).load(&mut connection).await.map_err(engine)?;
        let mut events = rows.into_iter().map(Event::try_from).collect::<Result<Vec<_>, _>>()?;
        let is_full = events.len() > limit;
        events.truncate(limit);
        let (end, is_last) = if query.is_descending { (low, low == from) } else { (high, high == to) };
        let next = if is_full { events.last().map(|event| event.version) } else { (!is_last).then_some(end) };
        Ok(EventPage { events, next })
    }

    async fn search(
        &self,
        query: &EventSearchQuery,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<EventPage<EventId>, StoreError> {
        let texts = query.text.as_deref().into_iter().chain(query.event_type.as_ref().map(EventType::as_str));
        if is_unstorable(texts) {
            return Ok(EventPage { events: Vec::new(), next: None });
        }
        let mut connection = self.connection().await?;
        let (walk, size) = walk(query, before);
        let ids: Vec<IdRow> = Cached(walk).load(&mut connection).await.map_err(engine)?;
        let mut ids: Vec<_> = ids.into_iter().map(|row| row.id).collect();
        let has_more = ids.len() > size;
        ids.truncate(size);
        let last = ids.last().filter(|_| has_more).cloned();
        let rows = matching(&mut connection, query, ids, limit + 1).await.map_err(engine)?;
        let mut events = rows.into_iter().map(Event::try_from).collect::<Result<Vec<_>, _>>()?;
        let is_full = events.len() > limit;
        events.truncate(limit);
        let next = if is_full {
            events.last().map(|event| event.event.id)
        } else {
            last.map(|id| RowName::new("events", "an index").id("id", &id)).transpose()?
        };
        Ok(EventPage { events, next })
    }

    async fn statistics(
        &self,
        stream: StreamId,
        recent: &[(EventType, DateTime<Utc>)],
    ) -> Result<StreamStatistics, StoreError> {
        let (stream, recent) = (stored_id(stream), recent.to_vec());
        let mut connection = self.connection().await?;
        // Whoever hangs up leaves no transaction open.
        let Counted { whole, by_type, by_day, recent } =
            detached(async move { count(&mut connection, stream, &recent).await.map_err(engine) }).await?;
        let count = i64::unsigned_abs;
        Ok(StreamStatistics {
            events: count(whole.events),
            by_type: by_type.into_iter().map(|row| (EventType::new(row.name), count(row.events))).collect(),
            by_day: by_day.into_iter().map(|row| (row.day, count(row.events))).collect(),
            first_at: whole.first_at,
            last_at: whole.last_at,
            recent: recent.into_iter().map(count).collect(),
        })
    }
}
