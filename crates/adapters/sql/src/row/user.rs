use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{
    caller::Role,
    port::{StoreError, UserQuery},
    user::{Profile, User},
    value::{Email, PersonName, Phone, ShortText, Username},
};

use crate::{
    column::{RowName, StoredId, StoredTime, stored_id, stored_number, stored_time},
    schema::users,
};

#[derive(Queryable, QueryableByName, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = users, check_for_backend(Pg, Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct UserRow {
    pub id: StoredId,
    pub version: i64,
    pub email: String,
    pub email_folded: String,
    pub username: Option<String>,
    pub name: String,
    pub phone: Option<String>,
    pub business_type: Option<String>,
    pub business_number: Option<String>,
    pub industry: Option<String>,
    pub region: Option<String>,
    pub role: String,
    pub is_active: bool,
    pub is_verified: bool,
    pub created_at: StoredTime,
    pub updated_at: StoredTime,
    pub last_login_at: Option<StoredTime>,
    pub unlocks: i64,
    pub name_folded: String,
}

impl From<&User> for UserRow {
    fn from(user: &User) -> Self {
        let Profile { email, username, name, phone, business_type, business_number, industry, region } =
            &user.profile;
        let text = |text: &Option<ShortText>| text.as_ref().map(|text| text.as_str().to_owned());
        Self {
            id: stored_id(user.id),
            version: stored_number(user.version),
            email: email.as_str().to_owned(),
            email_folded: email.folded(),
            username: username.as_ref().map(|username| username.as_str().to_owned()),
            name: name.as_str().to_owned(),
            phone: phone.as_ref().map(|phone| phone.as_str().to_owned()),
            business_type: text(business_type),
            business_number: text(business_number),
            industry: text(industry),
            region: text(region),
            role: user.role.as_str().to_owned(),
            is_active: user.is_active,
            is_verified: user.is_verified,
            created_at: stored_time(user.created_at),
            updated_at: stored_time(user.updated_at),
            last_login_at: user.last_login_at.map(stored_time),
            unlocks: user.unlocks.into(),
            name_folded: UserQuery::prefix(name.as_str()),
        }
    }
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self, StoreError> {
        let name = RowName::of_id("users", &row.id);
        Ok(Self {
            id: name.id("id", &row.id)?,
            version: name.count("version", row.version)?,
            role: name.named("role", &row.role, Role::from_name)?,
            is_active: row.is_active,
            is_verified: row.is_verified,
            unlocks: name.count("unlocks", row.unlocks)?,
            created_at: name.time("created_at", row.created_at)?,
            updated_at: name.time("updated_at", row.updated_at)?,
            last_login_at: row.last_login_at.map(|at| name.time("last_login_at", at)).transpose()?,
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
