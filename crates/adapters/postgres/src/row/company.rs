use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{dsl::insert_into, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    company::Company,
    id::CompanyId,
    port::{Companies, StoreError},
    value::{CompanyName, ShortText},
};
use uuid::Uuid;

use crate::{
    Postgres,
    column::{RowName, stored_number},
    error::engine,
    schema::companies,
    statement::{Cached, Sent},
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = companies, check_for_backend(diesel::pg::Pg))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
struct CompanyRow {
    id: Uuid,
    version: i64,
    name: String,
    business_number: Option<String>,
    industry: Option<String>,
    region: Option<String>,
    is_active: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, company: &Company) -> Sent<'c> {
    let row = CompanyRow::from(company);
    let statement =
        insert_into(companies::table).values(&row).on_conflict(companies::id).do_update().set(&row);
    Cached(statement).step(connection)
}

/// Those of these that there are.
pub(crate) async fn find_all(
    connection: &mut AsyncPgConnection,
    ids: &BTreeSet<CompanyId>,
) -> Result<Vec<Company>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().copied().map(Uuid::from).collect();
    let query = companies::table.filter(companies::id.eq_any(ids)).select(CompanyRow::as_select());
    let rows = Cached(query).load(connection).await.map_err(engine)?;
    rows.into_iter().map(Company::try_from).collect()
}

#[async_trait]
impl Companies for Postgres {
    async fn find(&self, id: CompanyId) -> Result<Option<Company>, StoreError> {
        let query = companies::table.find(Uuid::from(id)).select(CompanyRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(Company::try_from).transpose()
    }
}

impl From<&Company> for CompanyRow {
    fn from(company: &Company) -> Self {
        let text = |text: &Option<ShortText>| text.as_ref().map(|text| text.as_str().to_owned());
        Self {
            id: company.id.into(),
            version: stored_number(company.version),
            name: company.name.as_str().to_owned(),
            business_number: text(&company.business_number),
            industry: text(&company.industry),
            region: text(&company.region),
            is_active: company.is_active,
            created_at: company.created_at,
            updated_at: company.updated_at,
        }
    }
}

impl TryFrom<CompanyRow> for Company {
    type Error = StoreError;

    fn try_from(row: CompanyRow) -> Result<Self, StoreError> {
        let name = RowName::new("companies", format!("id {}", row.id));
        Ok(Self {
            id: row.id.into(),
            version: name.count("version", row.version)?,
            name: CompanyName::new(row.name),
            business_number: row.business_number.map(ShortText::new),
            industry: row.industry.map(ShortText::new),
            region: row.region.map(ShortText::new),
            is_active: row.is_active,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
