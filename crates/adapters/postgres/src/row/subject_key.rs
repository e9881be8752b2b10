use async_trait::async_trait;
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    id::SubjectId,
    port::{StoreError, SubjectKeys},
    seal::{Sealed, SubjectKey},
};
use uuid::Uuid;

use crate::{
    Postgres,
    error::engine,
    schema::subject_keys,
    statement::{Cached, Sent},
};

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, key: &SubjectKey) -> Sent<'c> {
    let wrapped = subject_keys::wrapped.eq(key.wrapped.as_bytes());
    let statement = insert_into(subject_keys::table)
        .values((subject_keys::subject_id.eq(Uuid::from(key.subject)), wrapped))
        .on_conflict(subject_keys::subject_id)
        .do_update()
        .set(wrapped);
    Cached(statement).step(connection)
}

pub(super) fn delete<'c>(connection: &'c AsyncPgConnection, subjects: &[SubjectId]) -> Sent<'c> {
    let ids: Vec<Uuid> = subjects.iter().map(|subject| (*subject).into()).collect();
    Cached(delete_from(subject_keys::table.filter(subject_keys::subject_id.eq_any(ids)))).step(connection)
}

#[async_trait]
impl SubjectKeys for Postgres {
    async fn find(&self, subject: SubjectId) -> Result<Option<SubjectKey>, StoreError> {
        let query = subject_keys::table.find(Uuid::from(subject)).select(subject_keys::wrapped);
        let wrapped = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        Ok(wrapped.map(|wrapped| SubjectKey { subject, wrapped: Sealed::new(wrapped) }))
    }
}
