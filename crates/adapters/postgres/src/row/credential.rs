use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
};
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
    column::RowName,
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
    history: String,
}

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, credential: &Credential) -> Sent<'c> {
    let row = CredentialRow {
        user_id: credential.user.into(),
        password_hash: credential.password.expose().to_owned(),
        changed_at: credential.changed_at,
        history: written(&credential.history),
    };
    let statement =
        insert_into(credentials::table).values(&row).on_conflict(credentials::user_id).do_update().set(&row);
    Cached(statement).step(connection)
}

pub(super) fn delete(connection: &AsyncPgConnection, user: UserId) -> Sent<'_> {
    Cached(delete_from(credentials::table.find(Uuid::from(user)))).step(connection)
}

#[async_trait]
impl Credentials for Postgres {
    async fn find(&self, user: UserId) -> Result<Option<Credential>, StoreError> {
        let query = credentials::table.find(Uuid::from(user)).select(CredentialRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(Credential::try_from).transpose()
    }
}

/// A JSON array of texts.
fn written(history: &[PasswordHash]) -> String {
    let hashes: Vec<_> = history.iter().map(PasswordHash::expose).collect();
    serde_json::to_string(&hashes).expect("texts are written as they are")
}

impl TryFrom<CredentialRow> for Credential {
    type Error = StoreError;

    fn try_from(row: CredentialRow) -> Result<Self, StoreError> {
        let name = RowName::new("credentials", format!("user {}", row.user_id));
        // Without the parser's own words, which might repeat a hash.
        let history: Vec<String> =
            serde_json::from_str(&row.history).map_err(|_| name.corrupt("history is no list of texts"))?;
        Ok(Self {
            user: row.user_id.into(),
            changed_at: row.changed_at,
            password: PasswordHash::new(row.password_hash),
            history: history.into_iter().map(PasswordHash::new).collect(),
        })
    }
}
