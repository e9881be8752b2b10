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
    value::PasswordHash,
};

use crate::{
    Sqlite,
    column::{IdKey, RowName, stored_id},
    error::engine,
    schema::credentials,
    statement::Cached,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = credentials, check_for_backend(diesel::sqlite::Sqlite), primary_key(user_id))]
struct CredentialRow {
    user_id: Vec<u8>,
    password_hash: String,
    changed_at: i64,
    history: String,
}

pub(super) fn delete(connection: &mut SqliteConnection, user: UserId) -> QueryResult<()> {
    Cached(delete_from(credentials::table.find(stored_id(user)))).run(connection)
}

pub(super) fn put(connection: &mut SqliteConnection, credential: &Credential) -> QueryResult<()> {
    let history: Vec<_> = credential.history.iter().map(PasswordHash::expose).collect();
    let row = CredentialRow {
        user_id: stored_id(credential.user),
        password_hash: credential.password.expose().to_owned(),
        changed_at: credential.changed_at.timestamp_micros(),
        history: serde_json::json!(history).to_string(),
    };
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

impl TryFrom<CredentialRow> for Credential {
    type Error = StoreError;

    fn try_from(row: CredentialRow) -> Result<Self, StoreError> {
        let name = RowName::new("credentials", IdKey(&row.user_id));
        // Without what the parser says, which may quote a hash.
        let history: Vec<String> =
            serde_json::from_str(&row.history).map_err(|_| name.corrupt("history is no list of hashes"))?;
        Ok(Self {
            user: name.id("user_id", &row.user_id)?,
            changed_at: name.time("changed_at", row.changed_at)?,
            password: PasswordHash::new(row.password_hash),
            history: history.into_iter().map(PasswordHash::new).collect(),
        })
    }
}
