//! The sealed part of an event: what it says of a person, and where they were.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{EventReadError, NewEvent};
use crate::{
    caller::Origin,
    id::EventId,
    port::Entropy,
    seal::{DataKey, Sealed},
};

/// What is sealed, as JSON.
#[derive(Serialize, Deserialize)]
struct Personal<F> {
    origin: Origin,
    facts: Option<F>,
}

/// Seals an event's personal part for its place.
pub(crate) fn seal(
    id: EventId,
    origin: &Origin,
    facts: Option<serde_json::Value>,
    key: &DataKey,
    entropy: &dyn Entropy,
) -> Sealed {
    let personal = Personal { origin: origin.clone(), facts };
    let json = serde_json::to_vec(&personal).expect("personal parts are plain structs with text keys");
    key.seal(&json, id.as_uuid().as_bytes(), entropy)
}

impl NewEvent {
    /// Opens the personal facts; `None` without a key, and where the event has none.
    pub fn open_facts<F: DeserializeOwned>(
        &self,
        key: Option<&DataKey>,
    ) -> Result<Option<F>, EventReadError> {
        Ok(self.open::<F>(key)?.and_then(|personal| personal.facts))
    }

    /// Opens where the act came from; `None` without a key, and where the event has none.
    pub fn open_origin(&self, key: Option<&DataKey>) -> Result<Option<Origin>, EventReadError> {
        Ok(self.open::<serde::de::IgnoredAny>(key)?.map(|personal| personal.origin))
    }

    fn open<F: DeserializeOwned>(
        &self,
        key: Option<&DataKey>,
    ) -> Result<Option<Personal<F>>, EventReadError> {
        let (Some(sealed), Some(key)) = (&self.personal, key) else { return Ok(None) };
        let json = key.open(sealed, self.id.as_uuid().as_bytes())?;
        Ok(Some(serde_json::from_slice(&json)?))
    }
}
