use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    company::Invitation,
    id::InvitationId,
    port::{Invitations, StoreError},
    value::Email,
};
use portcullis_sql::{column::stored_id, row::InvitationRow, schema::invitations};

use super::prune_expired;
use crate::{
    Postgres,
    error::engine,
    statement::{Cached, Sent},
};

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, invitation: &Invitation) -> Sent<'c> {
    let row = InvitationRow::from(invitation);
    let statement =
        insert_into(invitations::table).values(&row).on_conflict(invitations::id).do_update().set(&row);
    Cached(statement).step(connection)
}

pub(super) fn delete(connection: &AsyncPgConnection, id: InvitationId) -> Sent<'_> {
    Cached(delete_from(invitations::table.find(stored_id(id)))).step(connection)
}

pub(super) fn delete_to<'c>(connection: &'c AsyncPgConnection, email: &Email) -> Sent<'c> {
    let to = invitations::email_folded.eq(email.folded());
    Cached(delete_from(invitations::table.filter(to))).step(connection)
}

#[async_trait]
impl Invitations for Postgres {
    async fn find(&self, id: InvitationId) -> Result<Option<Invitation>, StoreError> {
        let query = invitations::table.find(stored_id(id)).select(InvitationRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(Invitation::try_from).transpose()
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        prune_expired(self, "invitations", before).await
    }
}
