use async_trait::async_trait;
use diesel::{
    prelude::*,
    sql_query,
    sql_types::{Array, BigInt, Binary, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use portcullis_domain::{
    id::StreamId,
    port::{Retention, StoreError},
    retention::{Horizon, StreamBase},
};
use portcullis_sql::{
    column::{Moment, stored_id, stored_number},
    row::{BaseRow, HorizonRow},
    schema::{horizons, stream_bases},
};
use uuid::Uuid;

use crate::{Postgres, column::column, detached, error::engine};

/// The bases come only with their horizon. Of two that race to follow one, the key of `previous` lets one in.
const PUT: &str = "WITH put AS (
        INSERT INTO horizons (number, previous, transaction_id, position, event_count, running_hash, checkpoint_hash, bases_hash,
                              streams, made_at, key_id, signature)
        SELECT $1, newest.number, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
        FROM (SELECT coalesce(max(number), 0) AS number FROM horizons) AS newest WHERE newest.number < $1
        ON CONFLICT DO NOTHING
        RETURNING number
    ), based AS (
        INSERT INTO stream_bases (stream_id, kind, version, position, hash, recorded_at, state)
        SELECT given.* FROM unnest($12, $13, $14, $15, $16, $17, $18) AS given, put
        ON CONFLICT (stream_id) DO UPDATE SET kind = excluded.kind, version = excluded.version, position = excluded.position,
            hash = excluded.hash, recorded_at = excluded.recorded_at, state = excluded.state
    )
    SELECT count(*) AS count FROM put";

const DROP: &str = "DELETE FROM events WHERE position IN (
    SELECT events.position FROM events, (SELECT transaction_id, position FROM horizons ORDER BY number DESC LIMIT 1) AS horizon
    WHERE (events.transaction_id, events.position) <= (horizon.transaction_id, horizon.position)
    ORDER BY events.transaction_id, events.position LIMIT $1)";

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[async_trait]
impl Retention for Postgres {
    async fn horizon(&self) -> Result<Option<Horizon>, StoreError> {
        let newest = horizons::table.order(horizons::number.desc()).limit(1);
        let query = newest.select(HorizonRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(Horizon::try_from).transpose()
    }

    async fn find_base(&self, stream: StreamId) -> Result<Option<StreamBase>, StoreError> {
        let query = stream_bases::table.find(stored_id(stream)).select(BaseRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(StreamBase::try_from).transpose()
    }

    async fn list_bases(&self, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamBase>, StoreError> {
        let query = stream_bases::table
            .order(stream_bases::stream_id)
            .limit(stored_number(limit))
            .select(BaseRow::as_select());
        let mut connection = self.connection().await?;
        let rows: Vec<BaseRow> = match after {
            Some(after) => {
                query.filter(stream_bases::stream_id.gt(stored_id(after))).load(&mut connection).await
            }
            None => query.load(&mut connection).await,
        }
        .map_err(engine)?;
        rows.into_iter().map(StreamBase::try_from).collect()
    }

    async fn put_horizon(&self, horizon: &Horizon, bases: &[StreamBase]) -> Result<bool, StoreError> {
        let row = HorizonRow::from(horizon);
        let statement = sql_query(PUT)
            .bind::<BigInt, _>(row.number)
            .bind::<BigInt, _>(row.transaction_id)
            .bind::<BigInt, _>(row.position)
            .bind::<BigInt, _>(row.event_count)
            .bind::<Binary, _>(row.running_hash)
            .bind::<Binary, _>(row.checkpoint_hash)
            .bind::<Binary, _>(row.bases_hash)
            .bind::<BigInt, _>(row.streams)
            .bind::<Moment, _>(row.made_at)
            .bind::<Text, _>(row.key_id)
            .bind::<Binary, _>(row.signature)
            .bind::<Array<SqlUuid>, _>(column(bases, |base| Uuid::from(base.stream)))
            .bind::<Array<Text>, _>(column(bases, |base| base.kind.as_str().to_owned()))
            .bind::<Array<BigInt>, _>(column(bases, |base| stored_number(base.version)))
            .bind::<Array<BigInt>, _>(column(bases, |base| stored_number(base.position)))
            .bind::<Array<Binary>, _>(column(bases, |base| base.hash.as_bytes().to_vec()))
            .bind::<Array<Timestamptz>, _>(column(bases, |base| base.recorded_at))
            .bind::<Array<Nullable<Binary>>, _>(column(bases, |base| {
                base.state.as_ref().map(|state| state.as_bytes().to_vec())
            }));
        let mut connection = self.connection().await?;
        detached(async move {
            let put: Count = statement.get_result(&mut connection).await.map_err(engine)?;
            Ok(put.count == 1)
        })
        .await
    }

    async fn drop_archived(&self, limit: usize) -> Result<u64, StoreError> {
        // The database refuses the very statement then.
        if self.horizon().await?.is_none() {
            return Ok(0);
        }
        let statement = sql_query(DROP).bind::<BigInt, _>(stored_number(limit));
        let mut connection = self.connection().await?;
        detached(async move { Ok(statement.execute(&mut connection).await.map_err(engine)? as u64) }).await
    }
}
