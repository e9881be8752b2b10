use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{
    company::{Invitation, MemberRole},
    port::StoreError,
    value::{Email, Language},
};

use crate::{
    column::{RowName, StoredId, StoredTime, stored_id, stored_time},
    schema::invitations,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = invitations, check_for_backend(Pg, Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct InvitationRow {
    pub id: StoredId,
    pub company_id: StoredId,
    pub role: String,
    pub email: Option<String>,
    pub email_folded: Option<String>,
    pub language: String,
    pub invited_by: StoredId,
    pub created_at: StoredTime,
    pub expires_at: StoredTime,
}

impl From<&Invitation> for InvitationRow {
    fn from(invitation: &Invitation) -> Self {
        Self {
            id: stored_id(invitation.id),
            company_id: stored_id(invitation.company),
            role: invitation.role.as_str().to_owned(),
            email: invitation.email.as_ref().map(|email| email.as_str().to_owned()),
            email_folded: invitation.email.as_ref().map(Email::folded),
            language: invitation.language.as_str().to_owned(),
            invited_by: stored_id(invitation.invited_by),
            created_at: stored_time(invitation.created_at),
            expires_at: stored_time(invitation.expires_at),
        }
    }
}

impl TryFrom<InvitationRow> for Invitation {
    type Error = StoreError;

    fn try_from(row: InvitationRow) -> Result<Self, StoreError> {
        let name = RowName::of_id("invitations", &row.id);
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
