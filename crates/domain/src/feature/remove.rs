use thiserror::Error;

use super::{Feature, FeatureEvent, FeatureName, standing::FeatureDecision};
use crate::{
    caller::{Caller, Origin, Permission, PermissionDenied},
    commit::RowChange,
    identity::{Identity, Tries},
    port::StoreError,
};

/// Why a feature was not removed.
#[derive(Debug, Error)]
pub enum RemoveFeatureError {
    /// The caller may not do it.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// There is no such feature.
    #[error("no such feature")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decides the end of a feature: its counts go with it, and stay in its history.
fn decide(feature: &Feature) -> FeatureDecision {
    FeatureDecision {
        event: FeatureEvent::Removed { name: feature.name.clone() },
        rows: vec![RowChange::DeleteFeatureUsagesOf(feature.id), RowChange::DeleteFeature(feature.id)],
    }
}

impl Identity {
    /// Removes a feature; its name is free again.
    pub async fn remove_feature(
        &self,
        caller: &Caller,
        name: &str,
        origin: &Origin,
    ) -> Result<(), RemoveFeatureError> {
        caller.require(Permission::FeatureManage)?;
        let name = FeatureName::parse(name).map_err(|_| RemoveFeatureError::NotFound)?;
        let mut tries = Tries::many();
        loop {
            let standing = self.standing_of_feature(&name).await?.ok_or(RemoveFeatureError::NotFound)?;
            let (id, now) = (standing.feature.id, self.now());
            let decision = decide(&standing.feature);
            match self.record_feature((caller, origin), id, Some(&standing), decision, now).await {
                Ok(_) => return Ok(()),
                Err(error) => tries.again(error)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::{commit::Claim, feature::access::tests::feature};

    #[test]
    fn a_removed_feature_is_none_and_gives_its_name_back() {
        let feature = feature();
        let decision = decide(&feature);
        let after = Feature::apply(Some(feature.clone()), feature.id, &decision.event, DateTime::UNIX_EPOCH);
        assert_eq!(after, None);
        assert!(matches!(Feature::claims_between(Some(&feature), None)[..], [Claim::Release { .. }]));
        assert_eq!(
            decision.rows,
            [RowChange::DeleteFeatureUsagesOf(feature.id), RowChange::DeleteFeature(feature.id)]
        );
    }
}
