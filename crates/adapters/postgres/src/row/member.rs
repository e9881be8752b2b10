use std::collections::BTreeSet;

use async_trait::async_trait;
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    company::{Member, MemberRole, MemberStatus, Membership},
    id::{CompanyId, UserId},
    port::{Members, StoreError},
    value::CompanyName,
};
use portcullis_sql::{
    column::{stored_id, stored_number},
    row::MemberRow,
    schema::{companies, members},
};
use uuid::Uuid;

use crate::{
    Postgres,
    error::engine,
    statement::{Cached, Sent},
};

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, member: &Member) -> Sent<'c> {
    let row = MemberRow::from(member);
    let statement =
        insert_into(members::table).values(&row).on_conflict(members::user_id).do_update().set(&row);
    Cached(statement).step(connection)
}

pub(super) fn delete(connection: &AsyncPgConnection, user: UserId) -> Sent<'_> {
    Cached(delete_from(members::table.find(stored_id(user)))).step(connection)
}

/// Those of these that there are.
pub(crate) async fn find_all(
    connection: &mut AsyncPgConnection,
    ids: &BTreeSet<UserId>,
) -> Result<Vec<Member>, StoreError> {
    let ids: Vec<_> = ids.iter().copied().map(stored_id).collect();
    let query = members::table.filter(members::user_id.eq_any(ids)).select(MemberRow::as_select());
    let rows = Cached(query).load(connection).await.map_err(engine)?;
    rows.into_iter().map(Member::try_from).collect()
}

#[async_trait]
impl Members for Postgres {
    async fn find(&self, user: UserId) -> Result<Option<Membership>, StoreError> {
        let query = members::table
            .inner_join(companies::table)
            .filter(members::user_id.eq(stored_id(user)))
            .select((MemberRow::as_select(), companies::name));
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(membership).transpose()
    }

    async fn find_many(&self, users: &[UserId]) -> Result<Vec<Membership>, StoreError> {
        let ids: Vec<_> = users.iter().copied().map(stored_id).collect();
        let query = members::table
            .inner_join(companies::table)
            .filter(members::user_id.eq_any(ids))
            .select((MemberRow::as_select(), companies::name));
        let rows = query.load(&mut self.connection().await?).await.map_err(engine)?;
        rows.into_iter().map(membership).collect()
    }

    async fn list_by_company(
        &self,
        company: CompanyId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError> {
        // Ids begin with their time: none is as small as this.
        let after = stored_id(after.map_or(Uuid::nil(), Uuid::from));
        let query = members::table
            .filter(members::company_id.eq(stored_id(company)))
            .filter(members::user_id.gt(after))
            .order(members::user_id)
            .limit(stored_number(limit))
            .select(MemberRow::as_select());
        let rows = query.load(&mut self.connection().await?).await.map_err(engine)?;
        rows.into_iter().map(Member::try_from).collect()
    }

    async fn list_owners(&self, company: CompanyId, limit: usize) -> Result<Vec<Member>, StoreError> {
        let query = members::table
            .filter(members::company_id.eq(stored_id(company)))
            .filter(members::role.eq(MemberRole::Owner.as_str()))
            .filter(members::status.eq(MemberStatus::Active.as_str()))
            .order(members::user_id)
            .limit(stored_number(limit))
            .select(MemberRow::as_select());
        let rows = query.load(&mut self.connection().await?).await.map_err(engine)?;
        rows.into_iter().map(Member::try_from).collect()
    }
}

fn membership((member, company_name): (MemberRow, String)) -> Result<Membership, StoreError> {
    Ok(Membership { member: member.try_into()?, company_name: CompanyName::new(company_name) })
}
