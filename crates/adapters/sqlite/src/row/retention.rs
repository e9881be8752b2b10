use async_trait::async_trait;
use diesel::{
    dsl::{insert_into, max},
    prelude::*,
    sql_query,
    sql_types::BigInt,
};
use portcullis_domain::{
    id::StreamId,
    port::{Retention, StoreError},
    retention::{Horizon, StreamBase},
};
use portcullis_sql::{
    column::{stored_id, stored_number},
    row::{BaseRow, HorizonRow},
    schema::{horizons, stream_bases},
};

use crate::{Sqlite, error::engine};

const DROP: &str = "DELETE FROM events WHERE position IN (
    SELECT position FROM events WHERE position <= (SELECT max(position) FROM horizons) ORDER BY position LIMIT ?)";

#[async_trait]
impl Retention for Sqlite {
    async fn horizon(&self) -> Result<Option<Horizon>, StoreError> {
        self.read(|connection| {
            let newest = horizons::table.order(horizons::number.desc()).limit(1);
            let row = newest.select(HorizonRow::as_select()).first(connection);
            row.optional().map_err(engine)?.map(Horizon::try_from).transpose()
        })
        .await
    }

    async fn find_base(&self, stream: StreamId) -> Result<Option<StreamBase>, StoreError> {
        self.read(move |connection| {
            let row = stream_bases::table.find(stored_id(stream)).select(BaseRow::as_select());
            row.first(connection).optional().map_err(engine)?.map(StreamBase::try_from).transpose()
        })
        .await
    }

    async fn list_bases(&self, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamBase>, StoreError> {
        self.read(move |connection| {
            let rows = stream_bases::table
                .filter(stream_bases::stream_id.gt(after.map(stored_id).unwrap_or_default()))
                .order(stream_bases::stream_id)
                .limit(stored_number(limit))
                .select(BaseRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(StreamBase::try_from).collect()
        })
        .await
    }

    async fn put_horizon(&self, horizon: &Horizon, bases: &[StreamBase]) -> Result<bool, StoreError> {
        let row = HorizonRow::from(horizon);
        let bases: Vec<_> = bases.iter().map(BaseRow::from).collect();
        self.write(move |connection| {
            let newest: Option<i64> =
                horizons::table.select(max(horizons::number)).first(connection).map_err(engine)?;
            if newest.is_some_and(|newest| newest >= row.number) {
                return Ok(false);
            }
            insert_into(horizons::table).values(&row).execute(connection).map_err(engine)?;
            for base in &bases {
                let put = insert_into(stream_bases::table).values(base);
                let put = put.on_conflict(stream_bases::stream_id).do_update().set(base);
                put.execute(connection).map_err(engine)?;
            }
            Ok(true)
        })
        .await
    }

    async fn drop_archived(&self, limit: usize) -> Result<u64, StoreError> {
        self.write(move |connection| {
            let dropped = sql_query(DROP).bind::<BigInt, _>(stored_number(limit)).execute(connection);
            Ok(dropped.map_err(engine)? as u64)
        })
        .await
    }
}
