use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{
    caller::Origin,
    port::StoreError,
    session::{LoginAttempt, LoginFailure},
};

use crate::{
    column::{RowName, StoredId, StoredTime, stored_id, stored_time},
    schema::login_attempts,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = login_attempts, check_for_backend(Pg, Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct LoginAttemptRow {
    pub id: StoredId,
    pub user_id: StoredId,
    pub at: StoredTime,
    pub ip_address: Option<String>,
    pub user_agent: Option<String>,
    pub failure: Option<String>,
}

impl From<&LoginAttempt> for LoginAttemptRow {
    fn from(attempt: &LoginAttempt) -> Self {
        Self {
            id: stored_id(attempt.id),
            user_id: stored_id(attempt.user),
            at: stored_time(attempt.at),
            ip_address: attempt.origin.ip_address.map(|address| address.to_string()),
            user_agent: attempt.origin.user_agent.clone(),
            failure: attempt.failure.map(|failure| failure.as_str().to_owned()),
        }
    }
}

impl TryFrom<LoginAttemptRow> for LoginAttempt {
    type Error = StoreError;

    fn try_from(row: LoginAttemptRow) -> Result<Self, StoreError> {
        let name = RowName::of_id("login_attempts", &row.id);
        let failure = row
            .failure
            .map(|failure| name.named("failure", &failure, LoginFailure::from_name))
            .transpose()?;
        Ok(Self {
            id: name.id("id", &row.id)?,
            user: name.id("user_id", &row.user_id)?,
            at: name.time("at", row.at)?,
            origin: Origin { ip_address: name.address(row.ip_address)?, user_agent: row.user_agent },
            failure,
        })
    }
}
