use thiserror::Error;

use super::{Feature, FeatureName};
use crate::{caller::Caller, identity::Identity, port::StoreError};

/// Some of all features, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeaturePage {
    /// The features.
    pub features: Vec<Feature>,
    /// After which one the next page begins; `None` when this was the last.
    pub next: Option<FeatureName>,
}

/// Why no features were listed.
#[derive(Debug, Error)]
pub enum ListFeaturesError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why no feature was shown.
#[derive(Debug, Error)]
pub enum GetFeatureError {
    /// There is no such feature.
    #[error("no such feature")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Identity {
    /// Features, for anyone who is signed in.
    pub async fn list_features(
        &self,
        _caller: &Caller,
        after: Option<&FeatureName>,
        limit: usize,
    ) -> Result<FeaturePage, ListFeaturesError> {
        // One more than asked for tells whether there is another page.
        let mut features = self.ports().features.list(after, limit + 1).await?;
        let has_more = features.len() > limit;
        features.truncate(limit);
        let next = features.last().filter(|_| has_more).map(|feature| feature.name.clone());
        Ok(FeaturePage { features, next })
    }

    /// A feature by its name, for anyone who is signed in.
    pub async fn get_feature(&self, _caller: &Caller, name: &str) -> Result<Feature, GetFeatureError> {
        let name = FeatureName::parse(name).map_err(|_| GetFeatureError::NotFound)?;
        self.ports().features.find(&name).await?.ok_or(GetFeatureError::NotFound)
    }
}
