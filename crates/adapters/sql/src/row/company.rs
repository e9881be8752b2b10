use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{
    company::Company,
    port::StoreError,
    value::{CompanyName, ShortText},
};

use crate::{
    column::{RowName, StoredId, StoredTime, stored_id, stored_number, stored_time},
    schema::companies,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = companies, check_for_backend(Pg, Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct CompanyRow {
    pub id: StoredId,
    pub version: i64,
    pub name: String,
    pub business_number: Option<String>,
    pub industry: Option<String>,
    pub region: Option<String>,
    pub is_active: bool,
    pub created_at: StoredTime,
    pub updated_at: StoredTime,
}

impl From<&Company> for CompanyRow {
    fn from(company: &Company) -> Self {
        let text = |text: &Option<ShortText>| text.as_ref().map(|text| text.as_str().to_owned());
        Self {
            id: stored_id(company.id),
            version: stored_number(company.version),
            name: company.name.as_str().to_owned(),
            business_number: text(&company.business_number),
            industry: text(&company.industry),
            region: text(&company.region),
            is_active: company.is_active,
            created_at: stored_time(company.created_at),
            updated_at: stored_time(company.updated_at),
        }
    }
}

impl TryFrom<CompanyRow> for Company {
    type Error = StoreError;

    fn try_from(row: CompanyRow) -> Result<Self, StoreError> {
        let name = RowName::of_id("companies", &row.id);
        Ok(Self {
            id: name.id("id", &row.id)?,
            version: name.count("version", row.version)?,
            is_active: row.is_active,
            created_at: name.time("created_at", row.created_at)?,
            updated_at: name.time("updated_at", row.updated_at)?,
            name: CompanyName::new(row.name),
            business_number: row.business_number.map(ShortText::new),
            industry: row.industry.map(ShortText::new),
            region: row.region.map(ShortText::new),
        })
    }
}
