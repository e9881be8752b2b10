use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{
    caller::Role,
    feature::{Feature, FeatureDescription, FeatureName, FeatureSettings},
    port::StoreError,
};

use crate::{
    column::{RowName, StoredId, StoredTime, stored_id, stored_time},
    schema::features,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = features, check_for_backend(Pg, Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct FeatureRow {
    pub id: StoredId,
    pub name: String,
    pub description: String,
    pub enabled: bool,
    pub required_role: Option<String>,
    pub company_id: Option<StoredId>,
    pub created_at: StoredTime,
    pub updated_at: StoredTime,
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
            created_at: stored_time(feature.created_at),
            updated_at: stored_time(feature.updated_at),
        }
    }
}

impl TryFrom<FeatureRow> for Feature {
    type Error = StoreError;

    fn try_from(row: FeatureRow) -> Result<Self, StoreError> {
        let name = RowName::of_id("features", &row.id);
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
