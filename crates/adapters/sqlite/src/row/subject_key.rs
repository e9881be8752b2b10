use async_trait::async_trait;
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    id::SubjectId,
    port::{StoreError, SubjectKeys},
    seal::{Sealed, SubjectKey},
};

use crate::{Sqlite, column::stored_id, error::engine, schema::subject_keys, statement::Cached};

pub(super) fn put(connection: &mut SqliteConnection, key: &SubjectKey) -> QueryResult<()> {
    let wrapped = subject_keys::wrapped.eq(key.wrapped.as_bytes());
    let statement = insert_into(subject_keys::table)
        .values((subject_keys::subject_id.eq(stored_id(key.subject)), wrapped))
        .on_conflict(subject_keys::subject_id)
        .do_update()
        .set(wrapped);
    Cached(statement).run(connection)
}

pub(super) fn delete(connection: &mut SqliteConnection, subject: SubjectId) -> QueryResult<()> {
    Cached(delete_from(subject_keys::table.find(stored_id(subject)))).run(connection)
}

#[async_trait]
impl SubjectKeys for Sqlite {
    async fn find(&self, subject: SubjectId) -> Result<Option<SubjectKey>, StoreError> {
        let key = stored_id(subject);
        self.read(move |connection| {
            let row = subject_keys::table.find(key).select(subject_keys::wrapped).first(connection);
            let wrapped = row.optional().map_err(engine)?;
            Ok(wrapped.map(|wrapped| SubjectKey { subject, wrapped: Sealed::new(wrapped) }))
        })
        .await
    }
}
