use thiserror::Error;

use crate::{
    audit::Accessed,
    caller::{Caller, Permission, PermissionDenied, Role},
    id::CompanyId,
    identity::Identity,
    port::{StoreError, UserCursor, UserQuery},
    user::{Account, User},
};

/// Which users are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListUsers {
    /// Whose address, name or username begins with this, in any letter case; empty is nothing asked.
    pub prefix: Option<String>,
    /// With this role.
    pub role: Option<Role>,
    /// Active or not.
    pub is_active: Option<bool>,
    /// Members of this company, pending ones too.
    pub company: Option<CompanyId>,
    /// Where the page before ended.
    pub after: Option<UserCursor>,
    /// How many at most.
    pub limit: usize,
}

/// Some of the users asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPage {
    /// They, in order.
    pub accounts: Vec<Account>,
    /// Where the next page begins, when there is one.
    pub next: Option<UserCursor>,
}

/// Why no users were listed.
#[derive(Debug, Error)]
pub enum ListUsersError {
    /// The caller may not see them.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ListUsers {
    fn query(&self) -> UserQuery {
        let prefix = self.prefix.as_deref().filter(|prefix| !prefix.is_empty());
        UserQuery {
            prefix: prefix.map(UserQuery::prefix),
            role: self.role,
            is_active: self.is_active,
            company: self.company,
        }
    }
}

/// Some of the users that a query finds.
#[derive(Debug, PartialEq, Eq)]
struct Cut {
    users: Vec<User>,
    next: Option<UserCursor>,
}

/// Cuts a list that was asked for one more than a page holds.
fn cut(query: &UserQuery, mut users: Vec<User>, limit: usize) -> Cut {
    let has_more = users.len() > limit;
    users.truncate(limit);
    let next = users.last().filter(|_| has_more).map(|last| query.cursor_after(last));
    Cut { users, next }
}

impl Identity {
    /// A page of the users asked for.
    pub async fn list_users(&self, caller: &Caller, asked: &ListUsers) -> Result<UserPage, ListUsersError> {
        caller.require(Permission::UserRead)?;
        let query = asked.query();
        let users = self.ports().users.list(&query, asked.after.as_ref(), asked.limit + 1).await?;
        let Cut { users, next } = cut(&query, users, asked.limit);
        self.note_accesses(caller, users.iter().map(User::stream), Accessed::Listing).await?;
        Ok(UserPage { accounts: self.accounts_of(users).await?, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{created, given};

    #[test]
    fn a_page_says_where_the_next_one_begins_only_when_there_is_one() {
        let user = given([created()]).user();
        let query = ListUsers { prefix: Some("JANE".to_owned()), ..ListUsers::default() }.query();
        let cursor = UserCursor { term: Some("jane doe".to_owned()), id: user.id };
        let two = vec![user.clone(), user.clone()];
        assert_eq!(cut(&query, two.clone(), 1), Cut { users: vec![user], next: Some(cursor) });
        assert_eq!(cut(&query, two.clone(), 2), Cut { users: two, next: None });
        assert_eq!(cut(&query, Vec::new(), 2), Cut { users: Vec::new(), next: None });
    }

    #[test]
    fn an_empty_prefix_asks_for_nothing() {
        let asked = ListUsers { prefix: Some(String::new()), ..ListUsers::default() };
        assert_eq!(asked.query(), UserQuery::default());
    }
}
