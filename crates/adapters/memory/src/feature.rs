use std::{collections::BTreeMap, ops::Bound};

use async_trait::async_trait;
use portcullis_domain::{
    feature::{Feature, FeatureName, FeatureUsage, UsageTotal},
    id::{ApiKeyId, FeatureId},
    port::{FeatureUsages, Features, StoreError},
};

use crate::Memory;

/// Features by name, and how often they were asked for.
#[derive(Default)]
pub(crate) struct FeatureRows {
    features: BTreeMap<FeatureName, Feature>,
    usages: BTreeMap<(FeatureId, ApiKeyId), FeatureUsage>,
}

impl FeatureRows {
    pub(crate) fn put(&mut self, feature: Feature) {
        self.features.insert(feature.name.clone(), feature);
    }

    pub(crate) fn by_id(&self) -> BTreeMap<FeatureId, Feature> {
        self.features.values().map(|feature| (feature.id, feature.clone())).collect()
    }

    /// Puts features in the place of all that there are.
    pub(crate) fn replace(&mut self, features: impl Iterator<Item = Feature>) {
        self.features = features.map(|feature| (feature.name.clone(), feature)).collect();
    }

    pub(crate) fn delete(&mut self, id: FeatureId) {
        self.features.retain(|_, feature| feature.id != id);
    }

    pub(crate) fn add_usage(&mut self, more: FeatureUsage) {
        if !self.features.values().any(|feature| feature.id == more.feature) {
            return;
        }
        self.usages
            .entry((more.feature, more.api_key))
            .and_modify(|usage| {
                usage.granted += more.granted;
                usage.refused += more.refused;
                usage.last_at = usage.last_at.max(more.last_at);
            })
            .or_insert(more);
    }

    pub(crate) fn delete_usages_of(&mut self, id: FeatureId) {
        self.usages.retain(|(feature, _), _| *feature != id);
    }
}

#[async_trait]
impl Features for Memory {
    async fn find(&self, name: &FeatureName) -> Result<Option<Feature>, StoreError> {
        Ok(self.state().rows.features.features.get(name).cloned())
    }

    async fn list(&self, after: Option<&FeatureName>, limit: usize) -> Result<Vec<Feature>, StoreError> {
        let state = self.state();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let beyond = state.rows.features.features.range::<FeatureName, _>((start, Bound::Unbounded));
        Ok(beyond.take(limit).map(|(_, feature)| feature.clone()).collect())
    }
}

#[async_trait]
impl FeatureUsages for Memory {
    async fn list(
        &self,
        feature: FeatureId,
        after: Option<ApiKeyId>,
        limit: usize,
    ) -> Result<Vec<FeatureUsage>, StoreError> {
        let state = self.state();
        let own = state.rows.features.usages.values().filter(|usage| usage.feature == feature);
        let beyond = own.filter(|usage| after.is_none_or(|after| usage.api_key > after));
        Ok(beyond.take(limit).copied().collect())
    }

    async fn total(&self, feature: FeatureId) -> Result<UsageTotal, StoreError> {
        let state = self.state();
        let own = state.rows.features.usages.values().filter(|usage| usage.feature == feature);
        Ok(own.fold(UsageTotal::default(), |total, usage| UsageTotal {
            granted: total.granted + usage.granted,
            refused: total.refused + usage.refused,
        }))
    }
}
