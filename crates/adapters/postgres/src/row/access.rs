use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into, sql},
    prelude::*,
    sql_types::{Bool, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    audit::{Access, Accessed},
    event::Actor,
    id::{AccessId, StreamId},
    port::{Accesses, StoreError},
};
use uuid::Uuid;

use super::prune;
use crate::{
    Postgres,
    column::{RowName, stored_number},
    detached,
    error::engine,
    schema::accesses,
    statement::{Cached, Sent},
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = accesses, check_for_backend(diesel::pg::Pg))]
#[diesel(treat_none_as_default_value = false)]
struct AccessRow {
    id: Uuid,
    stream_id: Uuid,
    actor_kind: String,
    actor_id: Option<Uuid>,
    what: String,
    at: DateTime<Utc>,
}

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, access: &Access) -> Sent<'c> {
    let row = AccessRow {
        id: access.id.into(),
        stream_id: access.stream.into(),
        actor_kind: access.actor.kind().to_owned(),
        actor_id: access.actor.id(),
        what: access.what.as_str().to_owned(),
        at: access.at,
    };
    Cached(insert_into(accesses::table).values(row)).step(connection)
}

pub(super) fn delete_to(connection: &AsyncPgConnection, stream: StreamId) -> Sent<'_> {
    let to_stream = accesses::stream_id.eq(Uuid::from(stream));
    Cached(delete_from(accesses::table.filter(to_stream))).step(connection)
}

#[async_trait]
impl Accesses for Postgres {
    async fn list_by_stream(
        &self,
        stream: StreamId,
        after: Option<AccessId>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError> {
        let query = accesses::table
            .filter(accesses::stream_id.eq(Uuid::from(stream)))
            .order((accesses::at.desc(), accesses::id.desc()))
            .limit(stored_number(limit))
            .select(AccessRow::as_select());
        let mut connection = self.connection().await?;
        let rows: Vec<AccessRow> = match after {
            Some(after) => {
                // As one comparison of pairs, which the index answers.
                let beyond = sql::<Bool>("(at, id) < ((SELECT at FROM accesses WHERE stream_id = ")
                    .bind::<SqlUuid, _>(Uuid::from(stream))
                    .sql(" AND id = ")
                    .bind::<SqlUuid, _>(Uuid::from(after))
                    .sql("), ")
                    .bind::<SqlUuid, _>(Uuid::from(after))
                    .sql(")");
                Cached(query.filter(beyond)).load(&mut connection).await
            }
            None => query.load(&mut connection).await,
        }
        .map_err(engine)?;
        rows.into_iter().map(Access::try_from).collect()
    }

    async fn list_since(
        &self,
        stream: StreamId,
        after: Option<(DateTime<Utc>, AccessId)>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError> {
        let query = accesses::table
            .filter(accesses::stream_id.eq(Uuid::from(stream)))
            .order((accesses::at, accesses::id))
            .limit(stored_number(limit))
            .select(AccessRow::as_select());
        let mut connection = self.connection().await?;
        let rows: Vec<AccessRow> = match after {
            Some((at, id)) => {
                // As one comparison of pairs, which the index answers.
                let beyond = sql::<Bool>("(at, id) > (")
                    .bind::<Timestamptz, _>(at)
                    .sql(", ")
                    .bind::<SqlUuid, _>(Uuid::from(id))
                    .sql(")");
                Cached(query.filter(beyond)).load(&mut connection).await
            }
            None => query.load(&mut connection).await,
        }
        .map_err(engine)?;
        rows.into_iter().map(Access::try_from).collect()
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut connection = self.connection().await?;
        detached(async move { prune(&mut connection, "accesses", "at", before).await }).await
    }
}

impl TryFrom<AccessRow> for Access {
    type Error = StoreError;

    fn try_from(row: AccessRow) -> Result<Self, StoreError> {
        let name = RowName::new("accesses", format!("id {}", row.id));
        Ok(Self {
            id: row.id.into(),
            stream: row.stream_id.into(),
            actor: Actor::from_stored(&row.actor_kind, row.actor_id)
                .ok_or_else(|| name.corrupt(format_args!("actor kind {:?} is unknown", row.actor_kind)))?,
            what: Accessed::from_name(&row.what)
                .ok_or_else(|| name.corrupt(format_args!("what {:?} is unknown", row.what)))?,
            at: row.at,
        })
    }
}
