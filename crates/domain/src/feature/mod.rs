//! Features: what a program may be let into with an API key and somebody's token.

mod access;
mod event;
mod list;
mod register;
mod remove;
mod standing;
mod tally;
mod text;
mod update;
mod usage;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use access::{AccessFeatureError, AccessGranted, AccessRefused};
pub(crate) use event::schemas as event_schemas;
pub use event::{FeatureEvent, VerdictCount};
pub use list::{FeaturePage, GetFeatureError, ListFeaturesError};
pub use register::{RegisterFeature, RegisterFeatureError, RegisterFeatureInput};
pub use remove::RemoveFeatureError;
pub(crate) use tally::Tally;
pub use text::{
    FeatureDescription, FeatureDescriptionError, FeatureName, FeatureNameError, FeatureNamesError,
};
pub use update::{FeatureUpdate, UpdateFeatureError};
pub use usage::{FeatureUsage, FeatureUsageError, FeatureUsagePage, UsageTotal};

use crate::{
    caller::{Role, named},
    commit::{Claim, ClaimKey},
    id::{CompanyId, FeatureId, StreamId},
};

/// A feature: what its stream's events add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Which.
    pub id: FeatureId,
    /// Its name, unique over all features.
    pub name: FeatureName,
    /// What may change.
    pub settings: FeatureSettings,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// What of a feature may change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeatureSettings {
    /// What it is, for people.
    pub description: FeatureDescription,
    /// Lets anybody in at all.
    pub enabled: bool,
    /// What somebody must be to the service, at least.
    pub required_role: Option<Role>,
    /// Whose members alone are let in.
    pub company_id: Option<CompanyId>,
}

named! {
    /// What came of asking to be let in.
    Verdict {
        /// Let in.
        Granted = "granted",
        /// The feature is disabled.
        Disabled = "disabled",
        /// The token is of one principal and the key of another.
        DifferentPrincipal = "different_principal",
        /// The key is not good for the feature.
        NotInKeyFeatures = "not_in_key_features",
        /// It is for those who are more to the service.
        RoleTooLow = "role_too_low",
        /// It is for members of a company.
        OtherCompany = "other_company",
    }
}

impl Feature {
    /// The feature's stream.
    pub fn stream(&self) -> StreamId {
        self.id.into()
    }

    /// The feature after one more event; `None` is none, before it is registered and after it is removed. Never fails: what happened has
    /// happened.
    pub fn apply(
        state: Option<Self>,
        id: FeatureId,
        event: &FeatureEvent,
        at: DateTime<Utc>,
    ) -> Option<Self> {
        match event {
            FeatureEvent::Registered { name, settings } => Some(Self {
                id,
                name: name.clone(),
                settings: settings.clone(),
                created_at: at,
                updated_at: at,
            }),
            FeatureEvent::Updated { after, .. } => {
                state.map(|feature| Self { settings: after.clone(), updated_at: at, ..feature })
            }
            FeatureEvent::Removed { .. } => None,
            FeatureEvent::Accessed { .. } => state,
        }
    }

    /// What must be taken and released when a feature becomes another: its name is unique while it is there.
    pub fn claims_between(before: Option<&Self>, after: Option<&Self>) -> Vec<Claim> {
        match (before, after) {
            (None, Some(feature)) => {
                vec![Claim::Take { key: ClaimKey::feature(&feature.name), owner: feature.id.into() }]
            }
            (Some(feature), None) => {
                vec![Claim::Release { key: ClaimKey::feature(&feature.name), owner: feature.id.into() }]
            }
            _ => Vec::new(),
        }
    }
}
