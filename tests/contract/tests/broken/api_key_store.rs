//! The ports of API keys and features, of a store with a fault.

use async_trait::async_trait;
use portcullis_domain::{
    api_key::{ApiKey, ApiKeyPrefix, Principal},
    feature::{Feature, FeatureName, FeatureUsage, UsageTotal},
    id::{ApiKeyId, FeatureId},
    port::{ApiKeys, FeatureUsages, Features, StoreError},
};

use crate::store::{Fault, Faulty};

#[async_trait]
impl<F: Fault> ApiKeys for Faulty<F> {
    async fn find_by_prefix(&self, prefix: &ApiKeyPrefix) -> Result<Option<ApiKey>, StoreError> {
        self.memory.find_by_prefix(prefix).await
    }

    async fn list_by_owner(&self, owner: Principal) -> Result<Vec<ApiKey>, StoreError> {
        self.fault.list_keys(&self.memory, owner).await
    }
}

#[async_trait]
impl<F: Fault> Features for Faulty<F> {
    async fn find(&self, name: &FeatureName) -> Result<Option<Feature>, StoreError> {
        Features::find(self.memory.as_ref(), name).await
    }

    async fn list(&self, after: Option<&FeatureName>, limit: usize) -> Result<Vec<Feature>, StoreError> {
        self.fault.list_features(&self.memory, after, limit).await
    }
}

#[async_trait]
impl<F: Fault> FeatureUsages for Faulty<F> {
    async fn list(
        &self,
        feature: FeatureId,
        after: Option<ApiKeyId>,
        limit: usize,
    ) -> Result<Vec<FeatureUsage>, StoreError> {
        self.fault.list_usages(&self.memory, feature, after, limit).await
    }

    async fn total(&self, feature: FeatureId) -> Result<UsageTotal, StoreError> {
        self.fault.total(&self.memory, feature).await
    }
}
