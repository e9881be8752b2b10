use thiserror::Error;

use super::{ApiKey, Principal};
use crate::{caller::Caller, company::CompanyRight, id::ApiKeyId, identity::Identity, port::StoreError};

/// Some of the keys that the caller deals with, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyPage {
    /// The keys.
    pub keys: Vec<ApiKey>,
    /// After which one the next page begins; `None` when this was the last.
    pub next: Option<ApiKeyId>,
}

/// Why no keys were listed.
#[derive(Debug, Error)]
pub enum ListApiKeysError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Identity {
    /// The caller's own keys, and their company's where they manage it; those that have run out too.
    pub async fn list_api_keys(
        &self,
        caller: &Caller,
        after: Option<ApiKeyId>,
        limit: usize,
    ) -> Result<ApiKeyPage, ListApiKeysError> {
        let member = self.ports().members.find(caller.user).await?.map(|found| found.member);
        let managed = member.filter(|member| member.require(CompanyRight::Manage).is_ok());
        let company = managed.map(|member| Principal::Company(member.company));
        // An owner has few: they are read whole.
        let mut keys = Vec::new();
        for owner in std::iter::once(Principal::User(caller.user)).chain(company) {
            keys.extend(self.ports().api_keys.list_by_owner(owner).await?);
        }
        keys.retain(|key| after.is_none_or(|after| key.id < after));
        keys.sort_by_key(|key| std::cmp::Reverse(key.id));
        let has_more = keys.len() > limit;
        keys.truncate(limit);
        let next = keys.last().filter(|_| has_more).map(|key| key.id);
        Ok(ApiKeyPage { keys, next })
    }
}
