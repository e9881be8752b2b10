use async_trait::async_trait;
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
    sqlite::SqliteConnection,
};
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

use crate::{Sqlite, error::engine, statement::Cached};

/// How many users one statement names; the engine takes 32 766 values.
const NAMED: usize = 1_000;

pub(super) fn put(connection: &mut SqliteConnection, member: &Member) -> QueryResult<()> {
    let row = MemberRow::from(member);
    let statement =
        insert_into(members::table).values(&row).on_conflict(members::user_id).do_update().set(&row);
    Cached(statement).run(connection)
}

pub(super) fn delete(connection: &mut SqliteConnection, user: UserId) -> QueryResult<()> {
    Cached(delete_from(members::table.find(stored_id(user)))).run(connection)
}

/// Whether its company is there or not.
pub(crate) fn find(connection: &mut SqliteConnection, user: UserId) -> Result<Option<Member>, StoreError> {
    let row = members::table.find(stored_id(user)).select(MemberRow::as_select()).first(connection);
    row.optional().map_err(engine)?.map(Member::try_from).transpose()
}

#[async_trait]
impl Members for Sqlite {
    async fn find(&self, user: UserId) -> Result<Option<Membership>, StoreError> {
        Ok(self.find_many(&[user]).await?.pop())
    }

    async fn find_many(&self, users: &[UserId]) -> Result<Vec<Membership>, StoreError> {
        let users: Vec<_> = users.iter().copied().map(stored_id).collect();
        self.read(move |connection| {
            let mut found = Vec::new();
            for named in users.chunks(NAMED) {
                let rows = members::table
                    .inner_join(companies::table)
                    .filter(members::user_id.eq_any(named))
                    .select((MemberRow::as_select(), companies::name))
                    .load::<(MemberRow, String)>(connection);
                for (row, name) in rows.map_err(engine)? {
                    let member = row.try_into()?;
                    found.push(Membership { member, company_name: CompanyName::new(name) });
                }
            }
            Ok(found)
        })
        .await
    }

    async fn list_by_company(
        &self,
        company: CompanyId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError> {
        // No bytes come before any bytes.
        let after = after.map(stored_id).unwrap_or_default();
        self.read(move |connection| {
            let rows = members::table
                .filter(members::company_id.eq(stored_id(company)))
                .filter(members::user_id.gt(after))
                .order(members::user_id)
                .limit(stored_number(limit))
                .select(MemberRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(Member::try_from).collect()
        })
        .await
    }

    async fn list_owners(&self, company: CompanyId, limit: usize) -> Result<Vec<Member>, StoreError> {
        self.read(move |connection| {
            let rows = members::table
                .filter(members::company_id.eq(stored_id(company)))
                .filter(members::role.eq(MemberRole::Owner.as_str()))
                .filter(members::status.eq(MemberStatus::Active.as_str()))
                .order(members::user_id)
                .limit(stored_number(limit))
                .select(MemberRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(Member::try_from).collect()
        })
        .await
    }
}
