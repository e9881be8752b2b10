use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{port::StoreError, user::Credential, value::PasswordHash};

use crate::{
    column::{RowName, StoredId, StoredTime, stored_id, stored_time},
    schema::credentials,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = credentials, check_for_backend(Pg, Sqlite), primary_key(user_id))]
pub struct CredentialRow {
    pub user_id: StoredId,
    pub password_hash: String,
    pub changed_at: StoredTime,
    pub history: String,
}

impl From<&Credential> for CredentialRow {
    fn from(credential: &Credential) -> Self {
        let history: Vec<_> = credential.history.iter().map(PasswordHash::expose).collect();
        Self {
            user_id: stored_id(credential.user),
            password_hash: credential.password.expose().to_owned(),
            changed_at: stored_time(credential.changed_at),
            history: serde_json::json!(history).to_string(),
        }
    }
}

impl TryFrom<CredentialRow> for Credential {
    type Error = StoreError;

    fn try_from(row: CredentialRow) -> Result<Self, StoreError> {
        let name = RowName::of_id("credentials", &row.user_id);
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
