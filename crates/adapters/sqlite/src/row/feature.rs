use async_trait::async_trait;
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    caller::Role,
    feature::{Feature, FeatureDescription, FeatureName, FeatureSettings},
    id::FeatureId,
    port::{Features, StoreError},
};

use crate::{
    Sqlite,
    column::{IdKey, RowName, stored_id, stored_number},
    error::engine,
    schema::features,
    statement::Cached,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = features, check_for_backend(diesel::sqlite::Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
struct FeatureRow {
    id: Vec<u8>,
    name: String,
    description: String,
    enabled: bool,
    required_role: Option<String>,
    company_id: Option<Vec<u8>>,
    created_at: i64,
    updated_at: i64,
}

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

impl From<&Feature> for FeatureRow {
    fn from(feature: &Feature) -> Self {
        let FeatureSettings { description, enabled, required_role, company_id } = &feature.settings;
        Self {
            id: stored_id(feature.id),
            name: feature.name.as_str().to_owned(),
            description: description.as_str().to_owned(),
            enabled: *enabled,
            required_role: required_role.map(|role| role.as_str().to_owned()),
            company_id: company_id.map(stored_id),
            created_at: feature.created_at.timestamp_micros(),
            updated_at: feature.updated_at.timestamp_micros(),
        }
    }
}

impl TryFrom<FeatureRow> for Feature {
    type Error = StoreError;

    fn try_from(row: FeatureRow) -> Result<Self, StoreError> {
        let name = RowName::new("features", IdKey(&row.id));
        let required_role = row.required_role.map(|role| name.named("required_role", &role, Role::from_name));
        let company_id = row.company_id.map(|company| name.id("company_id", &company));
        Ok(Self {
            id: name.id("id", &row.id)?,
            name: FeatureName::new(row.name),
            settings: FeatureSettings {
                description: FeatureDescription::new(row.description),
                enabled: row.enabled,
                required_role: required_role.transpose()?,
                company_id: company_id.transpose()?,
            },
            created_at: name.time("created_at", row.created_at)?,
            updated_at: name.time("updated_at", row.updated_at)?,
        })
    }
}
