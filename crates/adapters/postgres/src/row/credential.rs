use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{dsl::insert_into, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    id::UserId,
    port::{Credentials, StoreError},
    user::Credential,
    value::PasswordHash,
};
use uuid::Uuid;

use crate::{
    Postgres,
    error::engine,
    schema::credentials,
    statement::{Cached, Sent},
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = credentials, check_for_backend(diesel::pg::Pg), primary_key(user_id))]
struct CredentialRow {
    user_id: Uuid,
    password_hash: String,
    changed_at: DateTime<Utc>,
}

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, credential: &Credential) -> Sent<'c> {
    let row = CredentialRow {
        user_id: credential.user.into(),
        password_hash: credential.password.expose().to_owned(),
        changed_at: credential.changed_at,
    };
    let statement =
        insert_into(credentials::table).values(&row).on_conflict(credentials::user_id).do_update().set(&row);
    Cached(statement).step(connection)
}

#[async_trait]
impl Credentials for Postgres {
    async fn find(&self, user: UserId) -> Result<Option<Credential>, StoreError> {
        let query = credentials::table.find(Uuid::from(user)).select(CredentialRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        Ok(row.map(Credential::from))
    }
}

impl From<CredentialRow> for Credential {
    fn from(row: CredentialRow) -> Self {
        Self {
            user: row.user_id.into(),
            changed_at: row.changed_at,
            password: PasswordHash::new(row.password_hash),
        }
    }
}
