use async_trait::async_trait;
use diesel::{dsl::insert_into, prelude::*, sqlite::SqliteConnection};
use portcullis_domain::{
    company::Company,
    id::CompanyId,
    port::{Companies, StoreError},
};
use portcullis_sql::{column::stored_id, row::CompanyRow, schema::companies};

use crate::{Sqlite, error::engine, statement::Cached};

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
