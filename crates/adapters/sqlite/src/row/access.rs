use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    audit::{Access, Accessed},
    id::{AccessId, StreamId},
    port::{Accesses, StoreError},
};

use crate::{
    Sqlite,
    column::{IdKey, RowName, stored_id, stored_number},
    error::engine,
    schema::accesses,
    statement::Cached,
};

/// The engine deletes by a limit only in a query within.
const OLD: &str = "DELETE FROM accesses WHERE id IN (SELECT id FROM accesses WHERE at < ? LIMIT ?)";

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = accesses, check_for_backend(diesel::sqlite::Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
struct AccessRow {
    id: Vec<u8>,
    stream_id: Vec<u8>,
    actor_kind: String,
    actor_id: Option<Vec<u8>>,
    what: String,
    at: i64,
}

pub(super) fn put(connection: &mut SqliteConnection, access: &Access) -> QueryResult<()> {
    let row = AccessRow {
        id: stored_id(access.id),
        stream_id: stored_id(access.stream),
        actor_kind: access.actor.kind().to_owned(),
        actor_id: access.actor.id().map(stored_id),
        what: access.what.as_str().to_owned(),
        at: access.at.timestamp_micros(),
    };
    let statement = insert_into(accesses::table).values(&row).on_conflict(accesses::id).do_update().set(&row);
    Cached(statement).run(connection)
}

pub(super) fn delete_to(connection: &mut SqliteConnection, stream: StreamId) -> QueryResult<()> {
    let statement = delete_from(accesses::table.filter(accesses::stream_id.eq(stored_id(stream))));
    Cached(statement).run(connection)
}

#[async_trait]
impl Accesses for Sqlite {
    async fn list_by_stream(
        &self,
        stream: StreamId,
        after: Option<AccessId>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError> {
        let to_stream = accesses::stream_id.eq(stored_id(stream));
        self.read(move |connection| {
            let mut page = accesses::table.filter(to_stream.clone()).into_boxed();
            if let Some(after) = after.map(stored_id) {
                let place = accesses::table.find(&after).filter(to_stream).select(accesses::at);
                let Some(at) = place.first::<i64>(connection).optional().map_err(engine)? else {
                    return Ok(Vec::new());
                };
                // The first says what the index can use.
                page =
                    page.filter(accesses::at.le(at)).filter(accesses::at.lt(at).or(accesses::id.lt(after)));
            }
            let rows = page
                .order((accesses::at.desc(), accesses::id.desc()))
                .limit(stored_number(limit))
                .select(AccessRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(Access::try_from).collect()
        })
        .await
    }

    async fn list_since(
        &self,
        stream: StreamId,
        after: Option<(DateTime<Utc>, AccessId)>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError> {
        let to_stream = accesses::stream_id.eq(stored_id(stream));
        self.read(move |connection| {
            let mut page = accesses::table.filter(to_stream).into_boxed();
            if let Some((at, id)) = after {
                let (at, id) = (at.timestamp_micros(), stored_id(id));
                // The first says what the index can use.
                page = page.filter(accesses::at.ge(at)).filter(accesses::at.gt(at).or(accesses::id.gt(id)));
            }
            let rows = page
                .order((accesses::at, accesses::id))
                .limit(stored_number(limit))
                .select(AccessRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(Access::try_from).collect()
        })
        .await
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.prune_by(OLD, before).await
    }
}

impl TryFrom<AccessRow> for Access {
    type Error = StoreError;

    fn try_from(row: AccessRow) -> Result<Self, StoreError> {
        let name = RowName::new("accesses", IdKey(&row.id));
        Ok(Self {
            id: name.id("id", &row.id)?,
            stream: name.id("stream_id", &row.stream_id)?,
            actor: name.actor(&row.actor_kind, row.actor_id.as_deref())?,
            what: name.named("what", &row.what, Accessed::from_name)?,
            at: name.time("at", row.at)?,
        })
    }
}
