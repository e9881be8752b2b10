use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    caller::Role,
    feature::{Feature, FeatureDescription, FeatureName, FeatureSettings},
    id::FeatureId,
    port::{Features, StoreError},
};
use uuid::Uuid;

use crate::{
    Postgres,
    column::{RowName, stored_number},
    error::engine,
    schema::features,
    statement::{Cached, Sent},
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = features, check_for_backend(diesel::pg::Pg))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
struct FeatureRow {
    id: Uuid,
    name: String,
    description: String,
    enabled: bool,
    required_role: Option<String>,
    company_id: Option<Uuid>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, feature: &Feature) -> Sent<'c> {
    let row = FeatureRow::from(feature);
    let statement = insert_into(features::table).values(&row).on_conflict(features::id).do_update().set(&row);
    Cached(statement).step(connection)
}

pub(super) fn delete(connection: &AsyncPgConnection, id: FeatureId) -> Sent<'_> {
    Cached(delete_from(features::table.find(Uuid::from(id)))).step(connection)
}

/// Those of these that there are.
pub(crate) async fn find_all(
    connection: &mut AsyncPgConnection,
    ids: &BTreeSet<FeatureId>,
) -> Result<Vec<Feature>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().copied().map(Uuid::from).collect();
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

impl From<&Feature> for FeatureRow {
    fn from(feature: &Feature) -> Self {
        let FeatureSettings { description, enabled, required_role, company_id } = &feature.settings;
        Self {
            id: feature.id.into(),
            name: feature.name.as_str().to_owned(),
            description: description.as_str().to_owned(),
            enabled: *enabled,
            required_role: required_role.map(|role| role.as_str().to_owned()),
            company_id: company_id.map(Uuid::from),
            created_at: feature.created_at,
            updated_at: feature.updated_at,
        }
    }
}

impl TryFrom<FeatureRow> for Feature {
    type Error = StoreError;

    fn try_from(row: FeatureRow) -> Result<Self, StoreError> {
        let name = RowName::new("features", format!("id {}", row.id));
        let role = |text: String| {
            Role::from_name(&text)
                .ok_or_else(|| name.corrupt(format_args!("required_role {text:?} is unknown")))
        };
        Ok(Self {
            id: row.id.into(),
            name: FeatureName::new(row.name),
            settings: FeatureSettings {
                description: FeatureDescription::new(row.description),
                enabled: row.enabled,
                required_role: row.required_role.map(role).transpose()?,
                company_id: row.company_id.map(Into::into),
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
