use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    company::{Invitation, MemberRole},
    id::InvitationId,
    port::{Invitations, StoreError},
    value::{Email, Language},
};
use uuid::Uuid;

use super::prune_expired;
use crate::{
    Postgres,
    column::RowName,
    error::engine,
    schema::invitations,
    statement::{Cached, Sent},
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = invitations, check_for_backend(diesel::pg::Pg))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
struct InvitationRow {
    id: Uuid,
    company_id: Uuid,
    role: String,
    email: Option<String>,
    email_folded: Option<String>,
    language: String,
    invited_by: Uuid,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, invitation: &Invitation) -> Sent<'c> {
    let row = InvitationRow::from(invitation);
    let statement =
        insert_into(invitations::table).values(&row).on_conflict(invitations::id).do_update().set(&row);
    Cached(statement).step(connection)
}

pub(super) fn delete(connection: &AsyncPgConnection, id: InvitationId) -> Sent<'_> {
    Cached(delete_from(invitations::table.find(Uuid::from(id)))).step(connection)
}

pub(super) fn delete_to<'c>(connection: &'c AsyncPgConnection, email: &Email) -> Sent<'c> {
    let to = invitations::email_folded.eq(email.folded());
    Cached(delete_from(invitations::table.filter(to))).step(connection)
}

#[async_trait]
impl Invitations for Postgres {
    async fn find(&self, id: InvitationId) -> Result<Option<Invitation>, StoreError> {
        let query = invitations::table.find(Uuid::from(id)).select(InvitationRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(Invitation::try_from).transpose()
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        prune_expired(self, "invitations", before).await
    }
}

impl From<&Invitation> for InvitationRow {
    fn from(invitation: &Invitation) -> Self {
        Self {
            id: invitation.id.into(),
            company_id: invitation.company.into(),
            role: invitation.role.as_str().to_owned(),
            email: invitation.email.as_ref().map(|email| email.as_str().to_owned()),
            email_folded: invitation.email.as_ref().map(Email::folded),
            language: invitation.language.as_str().to_owned(),
            invited_by: invitation.invited_by.into(),
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
        }
    }
}

impl TryFrom<InvitationRow> for Invitation {
    type Error = StoreError;

    fn try_from(row: InvitationRow) -> Result<Self, StoreError> {
        let name = RowName::new("invitations", format!("id {}", row.id));
        Ok(Self {
            id: row.id.into(),
            company: row.company_id.into(),
            role: MemberRole::from_name(&row.role)
                .ok_or_else(|| name.corrupt(format_args!("role {:?} is unknown", row.role)))?,
            email: row.email.map(Email::new),
            language: Language::from_name(&row.language)
                .ok_or_else(|| name.corrupt(format_args!("language {:?} is unknown", row.language)))?,
            invited_by: row.invited_by.into(),
            created_at: row.created_at,
            expires_at: row.expires_at,
        })
    }
}
