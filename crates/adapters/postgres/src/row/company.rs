use std::collections::BTreeSet;

use async_trait::async_trait;
use diesel::{dsl::insert_into, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    company::Company,
    id::CompanyId,
    port::{Companies, StoreError},
};
use portcullis_sql::{column::stored_id, row::CompanyRow, schema::companies};

use crate::{
    Postgres,
    error::engine,
    statement::{Cached, Sent},
};

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
    let ids: Vec<_> = ids.iter().copied().map(stored_id).collect();
    let query = companies::table.filter(companies::id.eq_any(ids)).select(CompanyRow::as_select());
    let rows = Cached(query).load(connection).await.map_err(engine)?;
    rows.into_iter().map(Company::try_from).collect()
}

#[async_trait]
impl Companies for Postgres {
    async fn find(&self, id: CompanyId) -> Result<Option<Company>, StoreError> {
        let query = companies::table.find(stored_id(id)).select(CompanyRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(Company::try_from).transpose()
    }
}
