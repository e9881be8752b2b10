use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{feature::FeatureUsage, port::StoreError};

use crate::{
    column::{RowName, StoredId, StoredTime},
    schema::feature_usages,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = feature_usages, check_for_backend(Pg, Sqlite))]
pub struct FeatureUsageRow {
    pub feature_id: StoredId,
    pub api_key_id: StoredId,
    pub granted: i64,
    pub refused: i64,
    pub last_at: StoredTime,
}

impl TryFrom<FeatureUsageRow> for FeatureUsage {
    type Error = StoreError;

    fn try_from(row: FeatureUsageRow) -> Result<Self, StoreError> {
        let name = RowName::of_id("feature_usages", &row.api_key_id);
        Ok(Self {
            feature: name.id("feature_id", &row.feature_id)?,
            api_key: name.id("api_key_id", &row.api_key_id)?,
            granted: name.count("granted", row.granted)?,
            refused: name.count("refused", row.refused)?,
            last_at: name.time("last_at", row.last_at)?,
        })
    }
}
