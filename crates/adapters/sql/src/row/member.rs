use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{
    company::{Member, MemberRole, MemberStatus},
    port::StoreError,
};

use crate::{
    column::{RowName, StoredId, StoredTime, stored_id, stored_time},
    schema::members,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = members, check_for_backend(Pg, Sqlite), primary_key(user_id))]
pub struct MemberRow {
    pub user_id: StoredId,
    pub company_id: StoredId,
    pub role: String,
    pub status: String,
    pub joined_at: StoredTime,
}

impl From<&Member> for MemberRow {
    fn from(member: &Member) -> Self {
        Self {
            user_id: stored_id(member.user),
            company_id: stored_id(member.company),
            role: member.role.as_str().to_owned(),
            status: member.status.as_str().to_owned(),
            joined_at: stored_time(member.joined_at),
        }
    }
}

impl TryFrom<MemberRow> for Member {
    type Error = StoreError;

    fn try_from(row: MemberRow) -> Result<Self, StoreError> {
        let name = RowName::of_id("members", &row.user_id);
        Ok(Self {
            user: name.id("user_id", &row.user_id)?,
            company: name.id("company_id", &row.company_id)?,
            role: name.named("role", &row.role, MemberRole::from_name)?,
            status: name.named("status", &row.status, MemberStatus::from_name)?,
            joined_at: name.time("joined_at", row.joined_at)?,
        })
    }
}
