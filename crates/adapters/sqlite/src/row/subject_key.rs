use async_trait::async_trait;
use diesel::{
    dsl::{delete as delete_from, insert_into, update},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    id::SubjectId,
    port::{KeyReplacement, StoreError, SubjectKeys},
    seal::{Sealed, SubjectKey},
};
use portcullis_sql::{
    column::{RowName, StoredId, stored_id, stored_number},
    schema::subject_keys,
};

use crate::{Sqlite, error::engine, statement::Cached};

pub(super) fn put(connection: &mut SqliteConnection, key: &SubjectKey) -> QueryResult<()> {
    let wrapped = subject_keys::wrapped.eq(key.wrapped.as_bytes());
    let statement = insert_into(subject_keys::table)
        .values((subject_keys::subject_id.eq(stored_id(key.subject)), wrapped))
        .on_conflict(subject_keys::subject_id)
        .do_update()
        .set(wrapped);
    Cached(statement).run(connection)
}

/// Destroys a subject's data key.
pub(crate) fn delete(connection: &mut SqliteConnection, subject: SubjectId) -> QueryResult<()> {
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

    async fn list(&self, after: Option<SubjectId>, limit: usize) -> Result<Vec<SubjectKey>, StoreError> {
        // No bytes come before any bytes.
        let after = after.map(stored_id).unwrap_or_default();
        self.read(move |connection| {
            let rows: QueryResult<Vec<(StoredId, Vec<u8>)>> = subject_keys::table
                .filter(subject_keys::subject_id.gt(after))
                .order(subject_keys::subject_id)
                .limit(stored_number(limit))
                .load(connection);
            let keys = rows.map_err(engine)?.into_iter().map(|(id, wrapped)| {
                let subject = RowName::of_id("subject_keys", &id).id("subject_id", &id)?;
                Ok(SubjectKey { subject, wrapped: Sealed::new(wrapped) })
            });
            keys.collect()
        })
        .await
    }

    async fn replace(&self, replacements: Vec<KeyReplacement>) -> Result<u64, StoreError> {
        self.write(move |connection| {
            let mut count = 0;
            for KeyReplacement { from, to } in replacements {
                let as_read = subject_keys::table
                    .find(stored_id(from.subject))
                    .filter(subject_keys::wrapped.eq(from.wrapped.as_bytes()));
                let statement = update(as_read).set(subject_keys::wrapped.eq(to.as_bytes()));
                count += statement.execute(connection).map_err(engine)?;
            }
            Ok(u64::try_from(count).unwrap_or(u64::MAX))
        })
        .await
    }
}
