use thiserror::Error;

use super::{CompanyRight, Member, MembershipError, standing::Standing};
use crate::{
    audit::Accessed,
    caller::Caller,
    id::UserId,
    identity::Identity,
    port::{StoreError, UserCursor, UserQuery},
    user::Account,
};

/// Why the members are not shown.
#[derive(Debug, Error)]
pub enum ListMembersError {
    /// The caller may not.
    #[error(transparent)]
    Membership(#[from] MembershipError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Some of a company's members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberPage {
    /// They, in order.
    pub members: Vec<Account>,
    /// Whom the next page comes after, when there is one.
    pub next: Option<UserId>,
}

/// Decides who sees a company's members, with their names and addresses: those who deal with them. A plain member has no need to.
pub(crate) fn decide(actor: &Member) -> Result<(), MembershipError> {
    actor.require(CompanyRight::Manage)
}

impl Identity {
    /// Members of the caller's company and those who ask to be, newest accounts first, after the given one, at most `limit`. That they were looked at is
    /// recorded.
    pub async fn list_members(
        &self,
        caller: &Caller,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<MemberPage, ListMembersError> {
        let Standing { company, member } = self.standing_in_company::<ListMembersError>(caller).await?;
        decide(&member)?;
        let query = UserQuery { company: Some(company.id), ..UserQuery::default() };
        let after = after.map(|id| UserCursor { term: None, id });
        let mut users = self.ports().users.list(&query, after.as_ref(), limit + 1).await?;
        let has_more = users.len() > limit;
        users.truncate(limit);
        let next = users.last().filter(|_| has_more).map(|last| last.id);
        let mut members = self.accounts_of(users).await?;
        // Whoever has left between the two reads is no member.
        members.retain(|account| {
            account.membership.as_ref().is_some_and(|membership| membership.member.company == company.id)
        });
        let streams: Vec<_> = members.iter().map(|account| account.user.stream()).collect();
        self.note_accesses(caller, streams, Accessed::Listing).await?;
        Ok(MemberPage { members, next })
    }
}
