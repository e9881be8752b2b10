use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{
    audit::{Access, Accessed},
    port::StoreError,
};

use crate::{
    column::{RowName, StoredId, StoredTime, stored_id, stored_time},
    schema::accesses,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = accesses, check_for_backend(Pg, Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct AccessRow {
    pub id: StoredId,
    pub stream_id: StoredId,
    pub actor_kind: String,
    pub actor_id: Option<StoredId>,
    pub what: String,
    pub at: StoredTime,
}

impl From<&Access> for AccessRow {
    fn from(access: &Access) -> Self {
        Self {
            id: stored_id(access.id),
            stream_id: stored_id(access.stream),
            actor_kind: access.actor.kind().to_owned(),
            actor_id: access.actor.id().map(stored_id),
            what: access.what.as_str().to_owned(),
            at: stored_time(access.at),
        }
    }
}

impl TryFrom<AccessRow> for Access {
    type Error = StoreError;

    fn try_from(row: AccessRow) -> Result<Self, StoreError> {
        let name = RowName::of_id("accesses", &row.id);
        Ok(Self {
            id: name.id("id", &row.id)?,
            stream: name.id("stream_id", &row.stream_id)?,
            actor: name.actor(&row.actor_kind, row.actor_id.as_deref())?,
            what: name.named("what", &row.what, Accessed::from_name)?,
            at: name.time("at", row.at)?,
        })
    }
}
