use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{caller::Origin, port::StoreError, session::Session};

use crate::{
    column::{RowName, StoredId, StoredTime, stored_id, stored_number, stored_time},
    schema::sessions,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = sessions, check_for_backend(Pg, Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct SessionRow {
    pub id: StoredId,
    pub user_id: StoredId,
    pub generation: i64,
    pub created_at: StoredTime,
    pub rotated_at: StoredTime,
    pub last_seen_at: StoredTime,
    pub expires_at: StoredTime,
    pub ip_address: Option<String>,
    pub user_agent: Option<String>,
    pub ends_at: StoredTime,
}

impl From<&Session> for SessionRow {
    fn from(session: &Session) -> Self {
        Self {
            id: stored_id(session.id),
            user_id: stored_id(session.user),
            generation: stored_number(session.generation),
            created_at: stored_time(session.created_at),
            rotated_at: stored_time(session.rotated_at),
            last_seen_at: stored_time(session.last_seen_at),
            expires_at: stored_time(session.expires_at),
            ip_address: session.origin.ip_address.map(|address| address.to_string()),
            user_agent: session.origin.user_agent.clone(),
            ends_at: stored_time(session.ends_at),
        }
    }
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        let name = RowName::of_id("sessions", &row.id);
        Ok(Self {
            id: name.id("id", &row.id)?,
            user: name.id("user_id", &row.user_id)?,
            generation: name.count("generation", row.generation)?,
            created_at: name.time("created_at", row.created_at)?,
            rotated_at: name.time("rotated_at", row.rotated_at)?,
            last_seen_at: name.time("last_seen_at", row.last_seen_at)?,
            expires_at: name.time("expires_at", row.expires_at)?,
            ends_at: name.time("ends_at", row.ends_at)?,
            origin: Origin { ip_address: name.address(row.ip_address)?, user_agent: row.user_agent },
        })
    }
}
