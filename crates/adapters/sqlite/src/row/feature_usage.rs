use async_trait::async_trait;
use diesel::{
    dsl::delete as delete_from, prelude::*, sql_query, sql_types::BigInt, sqlite::SqliteConnection,
};
use portcullis_domain::{
    feature::{FeatureUsage, UsageTotal},
    id::{ApiKeyId, FeatureId},
    port::{FeatureUsages, StoreError},
};
use portcullis_sql::{
    column::{Id, Moment, RowName, stored_id, stored_number, stored_time},
    row::FeatureUsageRow,
    schema::feature_usages,
};

use crate::{Sqlite, error::engine, statement::Cached};

/// Adds up, where the feature is there.
const ADD: &str = "
    INSERT INTO feature_usages (feature_id, api_key_id, granted, refused, last_at)
    SELECT id, ?2, ?3, ?4, ?5 FROM features WHERE id = ?1
    ON CONFLICT (feature_id, api_key_id) DO UPDATE
    SET granted = granted + excluded.granted, refused = refused + excluded.refused, last_at = max(last_at, excluded.last_at)";
const TOTAL: &str = "
    SELECT coalesce(sum(granted), 0) AS granted, coalesce(sum(refused), 0) AS refused
    FROM feature_usages WHERE feature_id = ?1";

#[derive(QueryableByName)]
struct TotalRow {
    #[diesel(sql_type = BigInt)]
    granted: i64,
    #[diesel(sql_type = BigInt)]
    refused: i64,
}

pub(super) fn add(connection: &mut SqliteConnection, usage: &FeatureUsage) -> QueryResult<()> {
    let statement = sql_query(ADD)
        .bind::<Id, _>(stored_id(usage.feature))
        .bind::<Id, _>(stored_id(usage.api_key))
        .bind::<BigInt, _>(stored_number(usage.granted))
        .bind::<BigInt, _>(stored_number(usage.refused))
        .bind::<Moment, _>(stored_time(usage.last_at));
    Cached(statement).run(connection)
}

pub(super) fn delete_of(connection: &mut SqliteConnection, feature: FeatureId) -> QueryResult<()> {
    let of_feature = feature_usages::feature_id.eq(stored_id(feature));
    Cached(delete_from(feature_usages::table.filter(of_feature))).run(connection)
}

#[async_trait]
impl FeatureUsages for Sqlite {
    async fn list(
        &self,
        feature: FeatureId,
        after: Option<ApiKeyId>,
        limit: usize,
    ) -> Result<Vec<FeatureUsage>, StoreError> {
        let of_feature = feature_usages::feature_id.eq(stored_id(feature));
        // Before every id that there is.
        let after = after.map(stored_id).unwrap_or_default();
        self.read(move |connection| {
            let rows = feature_usages::table
                .filter(of_feature)
                .filter(feature_usages::api_key_id.gt(after))
                .order(feature_usages::api_key_id)
                .limit(stored_number(limit))
                .select(FeatureUsageRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(FeatureUsage::try_from).collect()
        })
        .await
    }

    async fn total(&self, feature: FeatureId) -> Result<UsageTotal, StoreError> {
        self.read(move |connection| {
            let statement = sql_query(TOTAL).bind::<Id, _>(stored_id(feature));
            let TotalRow { granted, refused } = statement.get_result(connection).map_err(engine)?;
            let id = stored_id(feature);
            let name = RowName::of_id("feature_usages", &id);
            Ok(UsageTotal {
                granted: name.count("granted", granted)?,
                refused: name.count("refused", refused)?,
            })
        })
        .await
    }
}
