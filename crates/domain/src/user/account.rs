use std::collections::HashMap;

use super::User;
use crate::{
    company::Membership,
    id::{CompanyId, UserId},
    identity::Identity,
    port::StoreError,
};

/// An account as it is shown: with the company that the person belongs to, or asks to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The account.
    pub user: User,
    /// The company.
    pub membership: Option<Membership>,
}

impl Account {
    /// The company that they belong to, and do not only ask to.
    pub fn active_company(&self) -> Option<CompanyId> {
        let member = self.membership.as_ref().map(|membership| &membership.member);
        member.filter(|member| member.is_active()).map(|member| member.company)
    }
}

impl Identity {
    /// An account with its company, for subscriptions and tools: nobody's permission is asked.
    pub async fn find_account(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        match self.ports().users.find(id).await? {
            Some(user) => Ok(Some(self.account_of(user).await?)),
            None => Ok(None),
        }
    }

    /// An account with its company.
    pub(crate) async fn account_of(&self, user: User) -> Result<Account, StoreError> {
        let membership = self.ports().members.find(user.id).await?;
        Ok(Account { user, membership })
    }

    /// Accounts with their companies, in the same order.
    pub(crate) async fn accounts_of(&self, users: Vec<User>) -> Result<Vec<Account>, StoreError> {
        let ids: Vec<_> = users.iter().map(|user| user.id).collect();
        let memberships = self.ports().members.find_many(&ids).await?;
        let mut memberships: HashMap<_, _> =
            memberships.into_iter().map(|membership| (membership.member.user, membership)).collect();
        let with_company = |user: User| {
            let membership = memberships.remove(&user.id);
            Account { user, membership }
        };
        Ok(users.into_iter().map(with_company).collect())
    }
}
