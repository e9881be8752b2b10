use std::collections::BTreeSet;

use async_trait::async_trait;
use diesel::{
    dsl::{count_star, delete as delete_from, insert_into},
    prelude::*,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    id::UserId,
    port::{StoreError, UserCount, UserCursor, UserQuery, Users},
    user::User,
    value::{Email, Username},
};
use portcullis_sql::{
    column::{counted, stored_id},
    row::UserRow,
    schema::users,
};

use super::user_list;
use crate::{
    Postgres,
    column::storable,
    error::engine,
    statement::{Cached, Sent},
};

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, user: &User) -> Sent<'c> {
    let row = UserRow::from(user);
    let statement = insert_into(users::table).values(&row).on_conflict(users::id).do_update().set(&row);
    Cached(statement).step(connection)
}

pub(super) fn delete(connection: &AsyncPgConnection, id: UserId) -> Sent<'_> {
    Cached(delete_from(users::table.find(stored_id(id)))).step(connection)
}

/// Those of these that there are.
pub(crate) async fn find_all(
    connection: &mut AsyncPgConnection,
    ids: &BTreeSet<UserId>,
) -> Result<Vec<User>, StoreError> {
    let ids: Vec<_> = ids.iter().copied().map(stored_id).collect();
    let query = users::table.filter(users::id.eq_any(ids)).select(UserRow::as_select());
    let rows = Cached(query).load(connection).await.map_err(engine)?;
    rows.into_iter().map(User::try_from).collect()
}

#[async_trait]
impl Users for Postgres {
    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let query = users::table.find(stored_id(id)).select(UserRow::as_select());
        one(query.first(&mut self.connection().await?).await)
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        let Some(folded) = storable(email.folded()) else { return Ok(None) };
        let matching = users::table.filter(users::email_folded.eq(folded));
        one(matching.select(UserRow::as_select()).first(&mut self.connection().await?).await)
    }

    async fn find_by_username(&self, username: &Username) -> Result<Option<User>, StoreError> {
        let Some(name) = storable(username.as_str().to_owned()) else { return Ok(None) };
        let matching = users::table.filter(users::username.eq(name));
        one(matching.select(UserRow::as_select()).first(&mut self.connection().await?).await)
    }
    async fn list(
        &self,
        query: &UserQuery,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        user_list::list(self, query, after, limit).await
    }

    async fn count(&self) -> Result<UserCount, StoreError> {
        let by_activity = users::table.group_by(users::is_active).select((users::is_active, count_star()));
        let groups: Vec<(bool, i64)> =
            by_activity.load(&mut self.connection().await?).await.map_err(engine)?;
        Ok(groups.into_iter().fold(UserCount::default(), |count, (is_active, users)| UserCount {
            all: count.all + counted(users),
            active: count.active + if is_active { counted(users) } else { 0 },
        }))
    }
}

fn one(found: QueryResult<UserRow>) -> Result<Option<User>, StoreError> {
    found.optional().map_err(engine)?.map(User::try_from).transpose()
}
