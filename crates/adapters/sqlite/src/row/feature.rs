use async_trait::async_trait;
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
    sqlite::SqliteConnection,
};
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

use crate::{Sqlite, error::engine, statement::Cached};

pub(super) fn put(connection: &mut SqliteConnection, feature: &Feature) -> QueryResult<()> {
    let row = FeatureRow::from(feature);
    let statement = insert_into(features::table).values(&row).on_conflict(features::id).do_update().set(&row);
    Cached(statement).run(connection)
}

pub(super) fn delete(connection: &mut SqliteConnection, id: FeatureId) -> QueryResult<()> {
    Cached(delete_from(features::table.find(stored_id(id)))).run(connection)
}

pub(crate) fn find(connection: &mut SqliteConnection, id: FeatureId) -> Result<Option<Feature>, StoreError> {
    let row = features::table.find(stored_id(id)).select(FeatureRow::as_select()).first(connection);
    row.optional().map_err(engine)?.map(Feature::try_from).transpose()
}

#[async_trait]
impl Features for Sqlite {
    async fn find(&self, name: &FeatureName) -> Result<Option<Feature>, StoreError> {
        let of_name = features::name.eq(name.as_str().to_owned());
        self.read(move |connection| {
            let row = features::table.filter(of_name).select(FeatureRow::as_select()).first(connection);
            row.optional().map_err(engine)?.map(Feature::try_from).transpose()
        })
        .await
    }

    async fn list(&self, after: Option<&FeatureName>, limit: usize) -> Result<Vec<Feature>, StoreError> {
        // Before every name that there is: names are not empty.
        let after = after.map_or_else(String::new, |after| after.as_str().to_owned());
        self.read(move |connection| {
            let rows = features::table
                .filter(features::name.gt(after))
                .order(features::name)
                .limit(stored_number(limit))
                .select(FeatureRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(Feature::try_from).collect()
        })
        .await
    }
}
