use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{
    event::EventType,
    port::{DeadLetter, StoreError},
};

use crate::{
    column::{RowName, StoredId},
    schema::dead_letters,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = dead_letters, check_for_backend(Pg, Sqlite))]
pub struct DeadLetterRow {
    pub subscription: String,
    pub transaction_id: i64,
    pub position: i64,
    pub event_id: StoredId,
    pub event_type: String,
    pub error: String,
}

impl TryFrom<DeadLetterRow> for DeadLetter {
    type Error = StoreError;

    fn try_from(row: DeadLetterRow) -> Result<Self, StoreError> {
        let name = RowName::new("dead_letters", format!("name {:?}", row.subscription));
        Ok(Self {
            event: name.id("event_id", &row.event_id)?,
            cursor: name.cursor(row.transaction_id, row.position)?,
            event_type: EventType::new(row.event_type),
            error: row.error,
        })
    }
}
