use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    company::Invitation,
    id::InvitationId,
    port::{Invitations, StoreError},
    value::Email,
};
use portcullis_sql::{column::stored_id, row::InvitationRow, schema::invitations};

use crate::{Sqlite, error::engine, statement::Cached};

/// The engine deletes by a limit only in a query within.
const EXPIRED: &str =
    "DELETE FROM invitations WHERE id IN (SELECT id FROM invitations WHERE expires_at < ? LIMIT ?)";

pub(super) fn put(connection: &mut SqliteConnection, invitation: &Invitation) -> QueryResult<()> {
    let row = InvitationRow::from(invitation);
    let statement =
        insert_into(invitations::table).values(&row).on_conflict(invitations::id).do_update().set(&row);
    Cached(statement).run(connection)
}

pub(super) fn delete(connection: &mut SqliteConnection, id: InvitationId) -> QueryResult<()> {
    Cached(delete_from(invitations::table.find(stored_id(id)))).run(connection)
}

pub(super) fn delete_to(connection: &mut SqliteConnection, email: &Email) -> QueryResult<()> {
    let to_address = invitations::email_folded.eq(email.folded());
    Cached(delete_from(invitations::table.filter(to_address))).run(connection)
}

#[async_trait]
impl Invitations for Sqlite {
    async fn find(&self, id: InvitationId) -> Result<Option<Invitation>, StoreError> {
        let id = stored_id(id);
        self.read(move |connection| {
            let row = invitations::table.find(id).select(InvitationRow::as_select()).first(connection);
            row.optional().map_err(engine)?.map(Invitation::try_from).transpose()
        })
        .await
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.prune_by(EXPIRED, before).await
    }
}
