use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FeatureName, FeatureSettings, Verdict};
use crate::{
    event::{EventData, EventReadError, EventSchema, NewEvent, Present},
    id::ApiKeyId,
};

/// What can happen to a feature. None of it is personal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeatureEvent {
    /// `feature.registered`
    Registered {
        /// Its name.
        name: FeatureName,
        /// What it is.
        settings: FeatureSettings,
    },
    /// `feature.updated`
    Updated {
        /// Its name.
        name: FeatureName,
        /// What it was.
        before: FeatureSettings,
        /// What it is.
        after: FeatureSettings,
    },
    /// `feature.removed`: its name is free again.
    Removed {
        /// Its name.
        name: FeatureName,
    },
    /// `feature.accessed`: how often somebody asked to be let in, and what came of it: one refusal, or what was granted in a moment.
    Accessed {
        /// Its name.
        name: FeatureName,
        /// By key and verdict.
        counts: Vec<VerdictCount>,
    },
}

/// How often something came of asking with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerdictCount {
    /// With which key.
    pub api_key_id: ApiKeyId,
    /// What.
    pub verdict: Verdict,
    /// How often.
    pub count: u64,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Registered {
    name: FeatureName,
    #[serde(flatten)]
    settings: FeatureSettings,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Updated {
    name: FeatureName,
    before: FeatureSettings,
    after: FeatureSettings,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Removed {
    name: FeatureName,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Accessed {
    name: FeatureName,
    counts: Vec<VerdictCount>,
}

/// Types are stored: never renamed. A changed shape is a new schema version with a reader for each old one.
mod name {
    pub(super) const REGISTERED: &str = "feature.registered";
    pub(super) const UPDATED: &str = "feature.updated";
    pub(super) const REMOVED: &str = "feature.removed";
    pub(super) const ACCESSED: &str = "feature.accessed";
}

/// A type's newest version is the one that is written; a version that was ever written stays here.
pub(crate) fn schemas() -> Vec<EventSchema> {
    vec![
        EventSchema::of::<Registered>(name::REGISTERED, 1),
        EventSchema::of::<Updated>(name::UPDATED, 1),
        EventSchema::of::<Removed>(name::REMOVED, 1),
        EventSchema::of::<Accessed>(name::ACCESSED, 1),
    ]
}

impl FeatureEvent {
    /// The event's type.
    pub const fn event_type(&self) -> &'static str {
        match self {
            Self::Registered { .. } => name::REGISTERED,
            Self::Updated { .. } => name::UPDATED,
            Self::Removed { .. } => name::REMOVED,
            Self::Accessed { .. } => name::ACCESSED,
        }
    }

    /// The schema version that [`data`](Self::data) is written in.
    pub const fn schema_version(&self) -> u32 {
        1
    }

    /// The facts.
    pub fn data(&self) -> EventData {
        match self {
            Self::Registered { name, settings } => {
                EventData::of(&Registered { name: name.clone(), settings: settings.clone() })
            }
            Self::Updated { name, before, after } => {
                EventData::of(&Updated { name: name.clone(), before: before.clone(), after: after.clone() })
            }
            Self::Removed { name } => EventData::of(&Removed { name: name.clone() }),
            Self::Accessed { name, counts } => {
                EventData::of(&Accessed { name: name.clone(), counts: counts.clone() })
            }
        }
    }

    /// Reads a stored event.
    pub fn read(event: &NewEvent) -> Result<Self, EventReadError> {
        let event = Present::of(event, &[])?;
        match event.shape() {
            (name::REGISTERED, 1) => {
                let Registered { name, settings } = event.data()?;
                Ok(Self::Registered { name, settings })
            }
            (name::UPDATED, 1) => {
                let Updated { name, before, after } = event.data()?;
                Ok(Self::Updated { name, before, after })
            }
            (name::REMOVED, 1) => {
                let Removed { name } = event.data()?;
                Ok(Self::Removed { name })
            }
            (name::ACCESSED, 1) => {
                let Accessed { name, counts } = event.data()?;
                Ok(Self::Accessed { name, counts })
            }
            _ => Err(event.unknown()),
        }
    }
}
