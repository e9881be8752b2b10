use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{count_star, delete as delete_from, insert_into},
    prelude::*,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    caller::Role,
    id::UserId,
    port::{StoreError, UserCount, UserCursor, UserQuery, Users},
    user::{Profile, User},
    value::{Email, PersonName, Phone, ShortText, Username},
};
use uuid::Uuid;

use super::user_list;
use crate::{
    Postgres,
    column::{RowName, counted, storable, stored_number},
    error::engine,
    schema::users,
    statement::{Cached, Sent},
};

#[derive(Queryable, QueryableByName, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = users, check_for_backend(diesel::pg::Pg))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(super) struct UserRow {
    id: Uuid,
    version: i64,
    email: String,
    email_folded: String,
    username: Option<String>,
    name: String,
    name_folded: String,
    phone: Option<String>,
    business_type: Option<String>,
    business_number: Option<String>,
    industry: Option<String>,
    region: Option<String>,
    role: String,
    is_active: bool,
    is_verified: bool,
    unlocks: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    last_login_at: Option<DateTime<Utc>>,
}

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, user: &User) -> Sent<'c> {
    let row = UserRow::from(user);
    let statement = insert_into(users::table).values(&row).on_conflict(users::id).do_update().set(&row);
    Cached(statement).step(connection)
}

pub(super) fn delete(connection: &AsyncPgConnection, id: UserId) -> Sent<'_> {
    Cached(delete_from(users::table.find(Uuid::from(id)))).step(connection)
}

/// Those of these that there are.
pub(crate) async fn find_all(
    connection: &mut AsyncPgConnection,
    ids: &BTreeSet<UserId>,
) -> Result<Vec<User>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().copied().map(Uuid::from).collect();
    let query = users::table.filter(users::id.eq_any(ids)).select(UserRow::as_select());
    let rows = Cached(query).load(connection).await.map_err(engine)?;
    rows.into_iter().map(User::try_from).collect()
}

#[async_trait]
impl Users for Postgres {
    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let query = users::table.find(Uuid::from(id)).select(UserRow::as_select());
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

impl From<&User> for UserRow {
    fn from(user: &User) -> Self {
        let Profile { email, username, name, phone, business_type, business_number, industry, region } =
            &user.profile;
        let text = |text: &Option<ShortText>| text.as_ref().map(|text| text.as_str().to_owned());
        Self {
            id: user.id.into(),
            version: stored_number(user.version),
            email: email.as_str().to_owned(),
            email_folded: email.folded(),
            username: username.as_ref().map(|username| username.as_str().to_owned()),
            name: name.as_str().to_owned(),
            // As what is searched for is folded.
            name_folded: UserQuery::prefix(name.as_str()),
            phone: phone.as_ref().map(|phone| phone.as_str().to_owned()),
            business_type: text(business_type),
            business_number: text(business_number),
            industry: text(industry),
            region: text(region),
            role: user.role.as_str().to_owned(),
            is_active: user.is_active,
            is_verified: user.is_verified,
            unlocks: user.unlocks.into(),
            created_at: user.created_at,
            updated_at: user.updated_at,
            last_login_at: user.last_login_at,
        }
    }
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self, StoreError> {
        let name = RowName::new("users", format!("id {}", row.id));
        Ok(Self {
            id: row.id.into(),
            version: name.count("version", row.version)?,
            role: Role::from_name(&row.role)
                .ok_or_else(|| name.corrupt(format_args!("role {:?} is unknown", row.role)))?,
            is_active: row.is_active,
            is_verified: row.is_verified,
            unlocks: name.count("unlocks", row.unlocks)?,
            created_at: row.created_at,
            updated_at: row.updated_at,
            last_login_at: row.last_login_at,
            profile: Profile {
                email: Email::new(row.email),
                username: row.username.map(Username::new),
                name: PersonName::new(row.name),
                phone: row.phone.map(Phone::new),
                business_type: row.business_type.map(ShortText::new),
                business_number: row.business_number.map(ShortText::new),
                industry: row.industry.map(ShortText::new),
                region: row.region.map(ShortText::new),
            },
        })
    }
}
