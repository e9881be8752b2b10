use async_trait::async_trait;
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    id::UserId,
    port::{Credentials, StoreError},
    user::Credential,
};
use portcullis_sql::{column::stored_id, row::CredentialRow, schema::credentials};

use crate::{Sqlite, error::engine, statement::Cached};

pub(super) fn delete(connection: &mut SqliteConnection, user: UserId) -> QueryResult<()> {
    Cached(delete_from(credentials::table.find(stored_id(user)))).run(connection)
}

pub(super) fn put(connection: &mut SqliteConnection, credential: &Credential) -> QueryResult<()> {
    let row = CredentialRow::from(credential);
    let statement =
        insert_into(credentials::table).values(&row).on_conflict(credentials::user_id).do_update().set(&row);
    Cached(statement).run(connection)
}

#[async_trait]
impl Credentials for Sqlite {
    async fn find(&self, user: UserId) -> Result<Option<Credential>, StoreError> {
        let key = stored_id(user);
        self.read(move |connection| {
            let row = credentials::table.find(key).select(CredentialRow::as_select()).first(connection);
            row.optional().map_err(engine)?.map(Credential::try_from).transpose()
        })
        .await
    }
}
