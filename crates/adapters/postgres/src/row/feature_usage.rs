use async_trait::async_trait;
use diesel::{
    dsl::delete as delete_from,
    prelude::*,
    sql_query,
    sql_types::{BigInt, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    feature::{FeatureUsage, UsageTotal},
    id::{ApiKeyId, FeatureId},
    port::{FeatureUsages, StoreError},
};
use portcullis_sql::{
    column::{RowName, stored_id, stored_number},
    row::FeatureUsageRow,
    schema::feature_usages,
};
use uuid::Uuid;

use crate::{
    Postgres,
    error::engine,
    statement::{Cached, Sent},
};

/// Adds up, where the feature is there. Whoever removes it appends to the same stream, and waits.
const ADD: &str = "
    INSERT INTO feature_usages AS usage (feature_id, api_key_id, granted, refused, last_at)
    SELECT id, $2, $3, $4, $5 FROM features WHERE id = $1
    ON CONFLICT (feature_id, api_key_id) DO UPDATE
    SET granted = usage.granted + excluded.granted, refused = usage.refused + excluded.refused,
        last_at = greatest(usage.last_at, excluded.last_at)";
const TOTAL: &str = "
    SELECT coalesce(sum(granted), 0)::bigint AS granted, coalesce(sum(refused), 0)::bigint AS refused
    FROM feature_usages WHERE feature_id = $1";

#[derive(QueryableByName)]
struct TotalRow {
    #[diesel(sql_type = BigInt)]
    granted: i64,
    #[diesel(sql_type = BigInt)]
    refused: i64,
}

pub(super) fn add<'c>(connection: &'c AsyncPgConnection, usage: &FeatureUsage) -> Sent<'c> {
    let statement = sql_query(ADD)
        .bind::<SqlUuid, _>(Uuid::from(usage.feature))
        .bind::<SqlUuid, _>(Uuid::from(usage.api_key))
        .bind::<BigInt, _>(stored_number(usage.granted))
        .bind::<BigInt, _>(stored_number(usage.refused))
        .bind::<Timestamptz, _>(usage.last_at);
    Cached(statement).step(connection)
}

pub(super) fn delete_of(connection: &AsyncPgConnection, feature: FeatureId) -> Sent<'_> {
    let of_feature = feature_usages::feature_id.eq(stored_id(feature));
    Cached(delete_from(feature_usages::table.filter(of_feature))).step(connection)
}

#[async_trait]
impl FeatureUsages for Postgres {
    async fn list(
        &self,
        feature: FeatureId,
        after: Option<ApiKeyId>,
        limit: usize,
    ) -> Result<Vec<FeatureUsage>, StoreError> {
        let of_feature = feature_usages::table.filter(feature_usages::feature_id.eq(stored_id(feature)));
        let query = of_feature
            .order(feature_usages::api_key_id)
            .limit(stored_number(limit))
            .select(FeatureUsageRow::as_select());
        let mut connection = self.connection().await?;
        let rows: Vec<FeatureUsageRow> = match after {
            Some(after) => {
                query.filter(feature_usages::api_key_id.gt(stored_id(after))).load(&mut connection).await
            }
            None => query.load(&mut connection).await,
        }
        .map_err(engine)?;
        rows.into_iter().map(FeatureUsage::try_from).collect()
    }

    async fn total(&self, feature: FeatureId) -> Result<UsageTotal, StoreError> {
        let statement = Cached(sql_query(TOTAL).bind::<SqlUuid, _>(Uuid::from(feature)));
        let TotalRow { granted, refused } =
            statement.get_result(&mut self.connection().await?).await.map_err(engine)?;
        let name = RowName::new("feature_usages", format!("feature_id {feature}"));
        Ok(UsageTotal { granted: name.count("granted", granted)?, refused: name.count("refused", refused)? })
    }
}
