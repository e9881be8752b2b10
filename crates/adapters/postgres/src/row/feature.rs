use std::collections::BTreeSet;

use async_trait::async_trait;
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    feature::{Feature, FeatureName},
    id::FeatureId,
    port::{Features, StoreError},
};
use portcullis_sql::{
    column::{stored_id, stored_number},
    row::FeatureRow,
    schema::features,
};

use crate::{
    Postgres,
    error::engine,
    statement::{Cached, Sent},
};

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, feature: &Feature) -> Sent<'c> {
    let row = FeatureRow::from(feature);
    let statement = insert_into(features::table).values(&row).on_conflict(features::id).do_update().set(&row);
    Cached(statement).step(connection)
}

pub(super) fn delete(connection: &AsyncPgConnection, id: FeatureId) -> Sent<'_> {
    Cached(delete_from(features::table.find(stored_id(id)))).step(connection)
}

/// Those of these that there are.
pub(crate) async fn find_all(
    connection: &mut AsyncPgConnection,
    ids: &BTreeSet<FeatureId>,
) -> Result<Vec<Feature>, StoreError> {
    let ids: Vec<_> = ids.iter().copied().map(stored_id).collect();
    let query = features::table.filter(features::id.eq_any(ids)).select(FeatureRow::as_select());
    let rows: Vec<FeatureRow> = Cached(query).load(connection).await.map_err(engine)?;
    rows.into_iter().map(Feature::try_from).collect()
}

#[async_trait]
impl Features for Postgres {
    async fn find(&self, name: &FeatureName) -> Result<Option<Feature>, StoreError> {
        let of_name = features::name.eq(name.as_str());
        let query = features::table.filter(of_name).select(FeatureRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(Feature::try_from).transpose()
    }

    async fn list(&self, after: Option<&FeatureName>, limit: usize) -> Result<Vec<Feature>, StoreError> {
        let query = features::table
            // Before every name that there is: names are not empty.
            .filter(features::name.gt(after.map_or("", FeatureName::as_str)))
            .order(features::name)
            .limit(stored_number(limit))
            .select(FeatureRow::as_select());
        let rows = query.load(&mut self.connection().await?).await.map_err(engine)?;
        rows.into_iter().map(Feature::try_from).collect()
    }
}
