use async_trait::async_trait;
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
    sql_query,
    sql_types::{Array, Binary, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    id::SubjectId,
    port::{KeyReplacement, StoreError, SubjectKeys},
    seal::{Sealed, SubjectKey},
};
use portcullis_sql::{
    column::{RowName, StoredId, stored_id, stored_number},
    schema::subject_keys,
};
use uuid::Uuid;

use crate::{
    Postgres,
    column::column,
    detached,
    error::engine,
    statement::{Cached, Sent},
};

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, key: &SubjectKey) -> Sent<'c> {
    let wrapped = subject_keys::wrapped.eq(key.wrapped.as_bytes());
    let statement = insert_into(subject_keys::table)
        .values((subject_keys::subject_id.eq(stored_id(key.subject)), wrapped))
        .on_conflict(subject_keys::subject_id)
        .do_update()
        .set(wrapped);
    Cached(statement).step(connection)
}

/// Destroys subjects' data keys.
pub(crate) fn delete<'c>(connection: &'c AsyncPgConnection, subjects: &[SubjectId]) -> Sent<'c> {
    let ids = column(subjects, |subject| stored_id(*subject));
    Cached(delete_from(subject_keys::table.filter(subject_keys::subject_id.eq_any(ids)))).step(connection)
}

#[async_trait]
impl SubjectKeys for Postgres {
    async fn find(&self, subject: SubjectId) -> Result<Option<SubjectKey>, StoreError> {
        let query = subject_keys::table.find(stored_id(subject)).select(subject_keys::wrapped);
        let wrapped = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        Ok(wrapped.map(|wrapped| SubjectKey { subject, wrapped: Sealed::new(wrapped) }))
    }

    async fn list(&self, after: Option<SubjectId>, limit: usize) -> Result<Vec<SubjectKey>, StoreError> {
        let query = subject_keys::table.order(subject_keys::subject_id).limit(stored_number(limit));
        let mut connection = self.connection().await?;
        let rows: Vec<(StoredId, Vec<u8>)> = match after {
            Some(after) => {
                query.filter(subject_keys::subject_id.gt(stored_id(after))).load(&mut connection).await
            }
            None => query.load(&mut connection).await,
        }
        .map_err(engine)?;
        let keys = rows.into_iter().map(|(id, wrapped)| {
            let subject = RowName::of_id("subject_keys", &id).id("subject_id", &id)?;
            Ok(SubjectKey { subject, wrapped: Sealed::new(wrapped) })
        });
        keys.collect()
    }

    async fn replace(&self, replacements: Vec<KeyReplacement>) -> Result<u64, StoreError> {
        let statement = sql_query(
            "UPDATE subject_keys SET wrapped = replacement.wrapped
             FROM unnest($1, $2, $3) AS replacement (subject_id, as_read, wrapped)
             WHERE subject_keys.subject_id = replacement.subject_id AND subject_keys.wrapped = replacement.as_read",
        )
        .bind::<Array<SqlUuid>, _>(column(&replacements, |key| Uuid::from(key.from.subject)))
        .bind::<Array<Binary>, _>(column(&replacements, |key| key.from.wrapped.as_bytes().to_vec()))
        .bind::<Array<Binary>, _>(column(&replacements, |key| key.to.as_bytes().to_vec()));
        let mut connection = self.connection().await?;
        detached(async move {
            let count = Cached(statement).execute(&mut connection).await.map_err(engine)?;
            Ok(u64::try_from(count).unwrap_or(u64::MAX))
        })
        .await
    }
}
