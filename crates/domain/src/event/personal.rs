//! The sealed part of an event: what it says of a person, and where whoever did it was.

use data_encoding::BASE64_NOPAD;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{EventReadError, NewEvent};
use crate::{
    caller::Origin,
    id::EventId,
    port::Entropy,
    seal::{DataKey, SealError, Sealed},
};

/// What is sealed, as JSON. Facts are of the stream's subject, and the origin is the actor's: where those are two, the origin is sealed with the
/// actor's key first, so that the erasure of either takes what is theirs.
#[derive(Serialize, Deserialize)]
struct Personal<F> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
    /// The actor's origin, sealed with the actor's key, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor_origin: Option<String>,
    facts: Option<F>,
}

/// Where an act came from, as its event keeps it.
pub(crate) enum Whence<'a> {
    /// From the stream's own subject.
    Own(&'a Origin),
    /// From somebody else, with their key.
    Other(&'a Origin, &'a DataKey),
    /// From the service itself.
    Nowhere,
}

/// Seals an event's personal part for its place.
pub(crate) fn seal(
    id: EventId,
    whence: &Whence<'_>,
    facts: Option<serde_json::Value>,
    key: &DataKey,
    entropy: &dyn Entropy,
) -> Sealed {
    let place = id.as_uuid().as_bytes();
    let (origin, actor_origin) = match whence {
        Whence::Own(origin) => (Some((*origin).clone()), None),
        Whence::Other(origin, actor_key) => {
            let sealed = actor_key.seal(&json(origin), place, entropy);
            (None, Some(BASE64_NOPAD.encode(sealed.as_bytes())))
        }
        Whence::Nowhere => (None, None),
    };
    key.seal(&json(&Personal { origin, actor_origin, facts }), place, entropy)
}

fn json(part: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(part).expect("personal parts are plain structs with text keys")
}

impl NewEvent {
    /// Opens the personal facts; `None` without a key, and where the event has none.
    pub fn open_facts<F: DeserializeOwned>(
        &self,
        key: Option<&DataKey>,
    ) -> Result<Option<F>, EventReadError> {
        Ok(self.open::<F>(key)?.and_then(|personal| personal.facts))
    }

    /// Opens where the act came from, with the key of the stream's subject and, where that is somebody else, the actor's; `None` without
    /// them, and where the event does not say.
    pub fn open_origin(
        &self,
        key: Option<&DataKey>,
        actor_key: Option<&DataKey>,
    ) -> Result<Option<Origin>, EventReadError> {
        let Some(personal) = self.open::<serde::de::IgnoredAny>(key)? else { return Ok(None) };
        let (Some(sealed), Some(actor_key)) = (personal.actor_origin, actor_key) else {
            return Ok(personal.origin);
        };
        let sealed = Sealed::new(BASE64_NOPAD.decode(sealed.as_bytes()).map_err(|_| SealError)?);
        let json = actor_key.open(&sealed, self.id.as_uuid().as_bytes())?;
        Ok(Some(serde_json::from_slice(&json)?))
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

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::{
        event::{Actor, EventData, EventType},
        testing::SeededEntropy,
    };

    fn event(whence: &Whence<'_>, key: &DataKey) -> NewEvent {
        let id = EventId::new(Uuid::from_u128(1));
        NewEvent {
            id,
            event_type: EventType::new("user.role_changed"),
            schema_version: 1,
            actor: Actor::System,
            data: EventData::from_stored("{}"),
            personal: Some(seal(id, whence, Some("facts".into()), key, &SeededEntropy::new(2))),
            recorded_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn an_act_of_somebody_else_tells_where_they_were_only_with_both_keys() {
        let entropy = SeededEntropy::new(1);
        let (subject, actor) = (DataKey::generate(&entropy), DataKey::generate(&entropy));
        let origin = Origin::new(None, Some("an agent"));
        let event = event(&Whence::Other(&origin, &actor), &subject);
        assert_eq!(event.open_origin(Some(&subject), Some(&actor)).expect("opens"), Some(origin));
        assert_eq!(event.open_origin(Some(&subject), None).expect("opens"), None);
        assert_eq!(event.open_origin(None, Some(&actor)).expect("opens"), None);
        assert!(event.open_origin(Some(&subject), Some(&subject)).is_err());
        assert_eq!(event.open_facts::<String>(Some(&subject)).expect("opens").as_deref(), Some("facts"));
    }

    #[test]
    fn an_act_of_ones_own_tells_where_with_ones_own_key() {
        let key = DataKey::generate(&SeededEntropy::new(1));
        let origin = Origin::new(None, Some("an agent"));
        let event = event(&Whence::Own(&origin), &key);
        assert_eq!(event.open_origin(Some(&key), None).expect("opens"), Some(origin));
    }
}
