use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    company::{Invitation, MemberRole},
    id::InvitationId,
    port::{Invitations, StoreError},
    value::{Email, Language},
};

use crate::{
    Sqlite,
    column::{IdKey, RowName, stored_id},
    error::engine,
    schema::invitations,
    statement::Cached,
};

/// The engine deletes by a limit only in a query within.
const EXPIRED: &str =
    "DELETE FROM invitations WHERE id IN (SELECT id FROM invitations WHERE expires_at < ? LIMIT ?)";

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = invitations, check_for_backend(diesel::sqlite::Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
struct InvitationRow {
    id: Vec<u8>,
    company_id: Vec<u8>,
    role: String,
    email: Option<String>,
    email_folded: Option<String>,
    language: String,
    invited_by: Vec<u8>,
    created_at: i64,
    expires_at: i64,
}

pub(super) fn put(connection: &mut SqliteConnection, invitation: &Invitation) -> QueryResult<()> {
    let row = InvitationRow {
        id: stored_id(invitation.id),
        company_id: stored_id(invitation.company),
        role: invitation.role.as_str().to_owned(),
        email: invitation.email.as_ref().map(|email| email.as_str().to_owned()),
        email_folded: invitation.email.as_ref().map(Email::folded),
        language: invitation.language.as_str().to_owned(),
        invited_by: stored_id(invitation.invited_by),
        created_at: invitation.created_at.timestamp_micros(),
        expires_at: invitation.expires_at.timestamp_micros(),
    };
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

impl TryFrom<InvitationRow> for Invitation {
    type Error = StoreError;

    fn try_from(row: InvitationRow) -> Result<Self, StoreError> {
        let name = RowName::new("invitations", IdKey(&row.id));
        Ok(Self {
            id: name.id("id", &row.id)?,
            company: name.id("company_id", &row.company_id)?,
            role: name.named("role", &row.role, MemberRole::from_name)?,
            email: row.email.map(Email::new),
            language: name.named("language", &row.language, Language::from_name)?,
            invited_by: name.id("invited_by", &row.invited_by)?,
            created_at: name.time("created_at", row.created_at)?,
            expires_at: name.time("expires_at", row.expires_at)?,
        })
    }
}
