use async_trait::async_trait;
use diesel::{
    dsl::{count_star, delete as delete_from, insert_into, update},
    prelude::*,
    sqlite::SqliteConnection,
};
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
use crate::{Sqlite, error::engine, statement::Cached};

pub(super) fn put(connection: &mut SqliteConnection, user: &User) -> QueryResult<()> {
    let row = UserRow::from(user);
    if put_unindexed(connection, &row)? {
        return Ok(());
    }
    let statement = insert_into(users::table).values(&row).on_conflict(users::id).do_update().set(&row);
    Cached(statement).run(connection)
}

/// Writes a user whose indexed columns stay as they are, as they do at each sign-in; false where there is none. The engine writes an
/// index anew for each statement that sets one of its columns, to whatever value: with all of them a sign-in would write many times
/// the pages.
fn put_unindexed(connection: &mut SqliteConnection, row: &UserRow) -> QueryResult<bool> {
    let statement = update(users::table.find(&row.id))
        .filter(users::email_folded.eq(&row.email_folded))
        .filter(users::name_folded.eq(&row.name_folded))
        .filter(users::username.is(&row.username))
        .filter(users::role.eq(&row.role))
        .filter(users::is_active.eq(row.is_active))
        .set((
            users::version.eq(row.version),
            users::email.eq(&row.email),
            users::name.eq(&row.name),
            users::phone.eq(&row.phone),
            users::business_type.eq(&row.business_type),
            users::business_number.eq(&row.business_number),
            users::industry.eq(&row.industry),
            users::region.eq(&row.region),
            users::is_verified.eq(row.is_verified),
            users::created_at.eq(row.created_at),
            users::updated_at.eq(row.updated_at),
            users::last_login_at.eq(row.last_login_at),
            users::unlocks.eq(row.unlocks),
        ))
        .returning(users::version);
    Ok(Cached(statement).get_result::<i64>(connection).optional()?.is_some())
}

pub(super) fn delete(connection: &mut SqliteConnection, id: UserId) -> QueryResult<()> {
    Cached(delete_from(users::table.find(stored_id(id)))).run(connection)
}

pub(crate) fn find(connection: &mut SqliteConnection, id: UserId) -> Result<Option<User>, StoreError> {
    one(users::table.find(stored_id(id)).select(UserRow::as_select()).first(connection))
}

#[async_trait]
impl Users for Sqlite {
    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let id = stored_id(id);
        self.read(move |connection| one(users::table.find(id).select(UserRow::as_select()).first(connection)))
            .await
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        let matching = users::email_folded.eq(email.folded());
        self.read(move |connection| {
            one(users::table.filter(matching).select(UserRow::as_select()).first(connection))
        })
        .await
    }

    async fn find_by_username(&self, username: &Username) -> Result<Option<User>, StoreError> {
        let matching = users::username.eq(username.as_str().to_owned());
        self.read(move |connection| {
            one(users::table.filter(matching).select(UserRow::as_select()).first(connection))
        })
        .await
    }

    async fn list(
        &self,
        query: &UserQuery,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        let (query, after) = (query.clone(), after.cloned());
        self.read(move |connection| user_list::list(connection, &query, after.as_ref(), limit)).await
    }

    async fn count(&self) -> Result<UserCount, StoreError> {
        let by_activity = users::table.group_by(users::is_active).select((users::is_active, count_star()));
        let groups = self.read(move |connection| by_activity.load::<(bool, i64)>(connection).map_err(engine));
        Ok(groups.await?.into_iter().fold(UserCount::default(), |count, (is_active, users)| UserCount {
            all: count.all + counted(users),
            active: count.active + if is_active { counted(users) } else { 0 },
        }))
    }
}

fn one(found: QueryResult<UserRow>) -> Result<Option<User>, StoreError> {
    found.optional().map_err(engine)?.map(User::try_from).transpose()
}
