use std::{cmp::Reverse, collections::BTreeMap};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use portcullis_domain::{
    api_key::{ApiKey, ApiKeyPrefix, Principal},
    id::ApiKeyId,
    port::{ApiKeys, StoreError},
};

use crate::Memory;

/// API keys by their ids, which are in the order of time.
#[derive(Default)]
pub(crate) struct KeyRows(BTreeMap<ApiKeyId, ApiKey>);

impl KeyRows {
    pub(crate) fn put(&mut self, key: ApiKey) {
        self.0.insert(key.id, key);
    }

    pub(crate) fn touch(&mut self, id: ApiKeyId, at: DateTime<Utc>) {
        if let Some(key) = self.0.get_mut(&id) {
            key.last_used_at = key.last_used_at.max(Some(at));
        }
    }

    pub(crate) fn delete(&mut self, id: ApiKeyId) {
        self.0.remove(&id);
    }

    pub(crate) fn delete_of(&mut self, owner: Principal) {
        self.0.retain(|_, key| key.owner != owner);
    }
}

#[async_trait]
impl ApiKeys for Memory {
    async fn find_by_prefix(&self, prefix: &ApiKeyPrefix) -> Result<Option<ApiKey>, StoreError> {
        let state = self.state();
        Ok(state.rows.api_keys.0.values().find(|key| key.prefix == *prefix).cloned())
    }

    async fn list_by_owner(&self, owner: Principal) -> Result<Vec<ApiKey>, StoreError> {
        let state = self.state();
        let own = state.rows.api_keys.0.values().filter(|key| key.owner == owner);
        let mut keys: Vec<_> = own.cloned().collect();
        keys.sort_by_key(|key| Reverse(key.id));
        Ok(keys)
    }
}
