use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use portcullis_domain::{
    Identity,
    administration::{ListUsers, ListUsersError},
    port::UserCursor,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::http::{
    Group,
    bearer::Bearer,
    error::Failed,
    page,
    user::{RoleName, UserResponse},
};

pub(in crate::http) struct ListUsersApi;

/// Some of the accounts asked for.
#[derive(Object)]
struct UserListResponse {
    items: Vec<UserResponse>,
    /// What to send as `cursor` for the next page; null when this was the last.
    next_cursor: Option<String>,
}

/// What a cursor holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    term: Option<String>,
    id: Uuid,
}

impl From<Place> for UserCursor {
    fn from(Place { term, id }: Place) -> Self {
        Self { term, id: id.into() }
    }
}

impl From<UserCursor> for Place {
    fn from(UserCursor { term, id }: UserCursor) -> Self {
        Self { term, id: id.into() }
    }
}

#[OpenApi(prefix_path = "/api/v1/users", tag = "Group::Administration")]
impl ListUsersApi {
    /// Accounts, newest first, or those that a text leads to; needs `user:read`. That they were looked at is recorded.
    #[oai(path = "/", method = "get", operation_id = "list_users")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the request")]
    async fn list_users(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        /// Whose address, name or username begins with this, in any letter case; they come in the order of what they are found by.
        #[oai(validator(max_length = 254))]
        q: Query<Option<String>>,
        role: Query<Option<RoleName>>,
        is_active: Query<Option<bool>>,
        /// Members of this company, pending ones too.
        company_id: Query<Option<Uuid>>,
        /// How many at most; 50 unless told.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<UserListResponse>, Failed<ListUsersError>> {
        let after = page::read_cursor::<Place>(cursor.0.as_deref())?;
        let asked = ListUsers {
            prefix: q.0,
            role: role.0.map(Into::into),
            is_active: is_active.0,
            company: company_id.0.map(Into::into),
            after: after.map(Into::into),
            limit: page::limit(limit.0),
        };
        let page = identity.list_users(&bearer.0, &asked).await?;
        Ok(Json(UserListResponse {
            items: page.accounts.into_iter().map(Into::into).collect(),
            next_cursor: page.next.map(|place| page::write_cursor(&Place::from(place))),
        }))
    }
}
