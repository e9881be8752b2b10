use async_trait::async_trait;
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    id::UserId,
    port::{Credentials, StoreError},
    user::Credential,
};
use portcullis_sql::{column::stored_id, row::CredentialRow, schema::credentials};

use crate::{
    Postgres,
    error::engine,
    statement::{Cached, Sent},
};

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, credential: &Credential) -> Sent<'c> {
    let row = CredentialRow::from(credential);
    let statement =
        insert_into(credentials::table).values(&row).on_conflict(credentials::user_id).do_update().set(&row);
    Cached(statement).step(connection)
}

pub(super) fn delete(connection: &AsyncPgConnection, user: UserId) -> Sent<'_> {
    Cached(delete_from(credentials::table.find(stored_id(user)))).step(connection)
}

#[async_trait]
impl Credentials for Postgres {
    async fn find(&self, user: UserId) -> Result<Option<Credential>, StoreError> {
        let query = credentials::table.find(stored_id(user)).select(CredentialRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(Credential::try_from).transpose()
    }
}
