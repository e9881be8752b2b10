use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{Feature, FeatureName};
use crate::{
    caller::{Caller, Permission, PermissionDenied},
    id::{ApiKeyId, FeatureId},
    identity::Identity,
    port::StoreError,
};

/// How often somebody asked to be let into a feature with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureUsage {
    /// Into what.
    pub feature: FeatureId,
    /// With which key.
    pub api_key: ApiKeyId,
    /// How often they were.
    pub granted: u64,
    /// How often they were not.
    pub refused: u64,
    /// When they last asked.
    pub last_at: DateTime<Utc>,
}

/// How often anybody asked to be let into a feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageTotal {
    /// How often they were.
    pub granted: u64,
    /// How often they were not.
    pub refused: u64,
}

/// Some of a feature's usage, by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureUsagePage {
    /// The feature.
    pub feature: Feature,
    /// All of it.
    pub total: UsageTotal,
    /// By key.
    pub usages: Vec<FeatureUsage>,
    /// After which key the next page begins; `None` when this was the last.
    pub next: Option<ApiKeyId>,
}

/// Why no usage was shown.
#[derive(Debug, Error)]
pub enum FeatureUsageError {
    /// The caller may not see it.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// There is no such feature.
    #[error("no such feature")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Identity {
    /// How often a feature was asked for, by key. What this process has granted and not committed yet is committed first; what others
    /// have, within a second.
    pub async fn feature_usage(
        &self,
        caller: &Caller,
        name: &str,
        after: Option<ApiKeyId>,
        limit: usize,
    ) -> Result<FeatureUsagePage, FeatureUsageError> {
        caller.require(Permission::FeatureManage)?;
        let name = FeatureName::parse(name).map_err(|_| FeatureUsageError::NotFound)?;
        let feature = self.ports().features.find(&name).await?.ok_or(FeatureUsageError::NotFound)?;
        self.flush_usage().await?;
        let mut usages = self.ports().feature_usages.list(feature.id, after, limit + 1).await?;
        let total = self.ports().feature_usages.total(feature.id).await?;
        let has_more = usages.len() > limit;
        usages.truncate(limit);
        let next = usages.last().filter(|_| has_more).map(|usage| usage.api_key);
        Ok(FeatureUsagePage { feature, total, usages, next })
    }
}
