use async_trait::async_trait;
use diesel::{dsl::insert_into, prelude::*, sqlite::SqliteConnection};
use portcullis_domain::{
    company::Company,
    id::CompanyId,
    port::{Companies, StoreError},
    value::{CompanyName, ShortText},
};

use crate::{
    Sqlite,
    column::{IdKey, RowName, stored_id, stored_number},
    error::engine,
    schema::companies,
    statement::Cached,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = companies, check_for_backend(diesel::sqlite::Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
struct CompanyRow {
    id: Vec<u8>,
    version: i64,
    name: String,
    business_number: Option<String>,
    industry: Option<String>,
    region: Option<String>,
    is_active: bool,
    created_at: i64,
    updated_at: i64,
}

pub(super) fn put(connection: &mut SqliteConnection, company: &Company) -> QueryResult<()> {
    let row = CompanyRow::from(company);
    let statement =
        insert_into(companies::table).values(&row).on_conflict(companies::id).do_update().set(&row);
    Cached(statement).run(connection)
}

pub(crate) fn find(connection: &mut SqliteConnection, id: CompanyId) -> Result<Option<Company>, StoreError> {
    let row = companies::table.find(stored_id(id)).select(CompanyRow::as_select()).first(connection);
    row.optional().map_err(engine)?.map(Company::try_from).transpose()
}

#[async_trait]
impl Companies for Sqlite {
    async fn find(&self, id: CompanyId) -> Result<Option<Company>, StoreError> {
        let id = stored_id(id);
        self.read(move |connection| {
            let row = companies::table.find(id).select(CompanyRow::as_select()).first(connection);
            row.optional().map_err(engine)?.map(Company::try_from).transpose()
        })
        .await
    }
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
            created_at: company.created_at.timestamp_micros(),
            updated_at: company.updated_at.timestamp_micros(),
        }
    }
}

impl TryFrom<CompanyRow> for Company {
    type Error = StoreError;

    fn try_from(row: CompanyRow) -> Result<Self, StoreError> {
        let name = RowName::new("companies", IdKey(&row.id));
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
