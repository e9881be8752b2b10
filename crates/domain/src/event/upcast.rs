//! Events of older schema versions in the present shape. What was written is never written anew: it is read by steps, each from one
//! version to the next, so that only the newest shape has a reader.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{EventReadError, NewEvent};
use crate::seal::DataKey;

/// How one schema version of a type becomes the next. A step cannot fail: what it does not find is missed by the reader after it.
pub(crate) struct Upcaster {
    /// The type.
    pub(crate) event_type: &'static str,
    /// The version that it begins with; it ends with the next one.
    pub(crate) from: u32,
    /// What becomes of the data.
    pub(crate) data: fn(Value) -> Value,
    /// What becomes of the personal facts.
    pub(crate) facts: fn(Value) -> Value,
}

/// An event as its type's newest version has it.
pub(crate) struct Present<'a> {
    event: &'a NewEvent,
    version: u32,
    data: Cow<'a, str>,
    facts: Vec<fn(Value) -> Value>,
}

/// For the part that a step leaves as it is.
pub(crate) const fn unchanged(part: Value) -> Value {
    part
}

impl<'a> Present<'a> {
    /// Takes all steps that begin at the event's version.
    pub(crate) fn of(event: &'a NewEvent, upcasters: &[Upcaster]) -> Result<Self, EventReadError> {
        let mut present = Self {
            event,
            version: event.schema_version,
            data: event.data.as_str().into(),
            facts: Vec::new(),
        };
        let next = |version| {
            let fits =
                |step: &&Upcaster| step.event_type == event.event_type.as_str() && step.from == version;
            upcasters.iter().find(fits)
        };
        while let Some(step) = next(present.version) {
            present.data = Cow::Owned((step.data)(serde_json::from_str(&present.data)?).to_string());
            present.facts.push(step.facts);
            present.version += 1;
        }
        Ok(present)
    }

    /// The event as it was written.
    pub(crate) const fn event(&self) -> &'a NewEvent {
        self.event
    }

    /// The type and the version that the shape is of.
    pub(crate) fn shape(&self) -> (&'a str, u32) {
        (self.event.event_type.as_str(), self.version)
    }

    /// Reads the data.
    pub(crate) fn data<T: DeserializeOwned>(&self) -> Result<T, EventReadError> {
        Ok(serde_json::from_str(&self.data)?)
    }

    /// Opens the personal facts, as [`NewEvent::open_facts`] does.
    pub(crate) fn facts<T: DeserializeOwned>(
        &self,
        key: Option<&DataKey>,
    ) -> Result<Option<T>, EventReadError> {
        if self.facts.is_empty() {
            return self.event.open_facts(key);
        }
        let Some(facts) = self.event.open_facts::<Value>(key)? else { return Ok(None) };
        let facts = self.facts.iter().fold(facts, |facts, step| step(facts));
        Ok(Some(serde_json::from_value(facts)?))
    }

    /// The error that nothing here reads it.
    pub(crate) fn unknown(&self) -> EventReadError {
        EventReadError::Unknown {
            event_type: self.event.event_type.clone(),
            schema_version: self.event.schema_version,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{
        event::{
            Actor, EventData, EventType,
            personal::{self, Whence},
        },
        id::EventId,
        testing::SeededEntropy,
    };

    /// Once a name in one text, then in two, then as a list.
    const STEPS: &[Upcaster] = &[
        Upcaster {
            event_type: "sample.named",
            from: 1,
            data: |data| json!({"names": [data["first"], data["last"]]}),
            facts: unchanged,
        },
        Upcaster {
            event_type: "sample.named",
            from: 2,
            data: |data| json!({"list": data["names"], "count": data["names"].as_array().map(Vec::len)}),
            facts: |facts| json!({"email": facts}),
        },
        Upcaster { event_type: "sample.other", from: 1, data: |_| Value::Null, facts: |_| Value::Null },
    ];

    fn key() -> DataKey {
        DataKey::generate(&SeededEntropy::new(1))
    }

    fn event(schema_version: u32, data: &Value) -> NewEvent {
        let id = EventId::new(Uuid::from_u128(1));
        let facts =
            if schema_version < 3 { json!("jane@example.com") } else { json!({"email": "jane@example.com"}) };
        NewEvent {
            id,
            event_type: EventType::new("sample.named"),
            schema_version,
            actor: Actor::System,
            data: EventData::from_stored(data.to_string()),
            personal: Some(personal::seal(id, &Whence::Nowhere, Some(facts), &key(), &SeededEntropy::new(2))),
            recorded_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn every_version_reads_as_the_newest() {
        let versions = [
            event(1, &json!({"first": "a", "last": "b"})),
            event(2, &json!({"names": ["a", "b"]})),
            event(3, &json!({"list": ["a", "b"], "count": 2})),
        ];
        for event in &versions {
            let present = Present::of(event, STEPS).expect("JSON");
            assert_eq!(present.shape(), ("sample.named", 3));
            assert_eq!(present.data::<Value>().expect("JSON"), json!({"list": ["a", "b"], "count": 2}));
            let facts = present.facts::<Value>(Some(&key())).expect("opens");
            assert_eq!(facts, Some(json!({"email": "jane@example.com"})));
            assert_eq!(present.facts::<Value>(None).expect("nothing to open"), None);
        }
    }

    #[test]
    fn a_version_of_the_future_stays_what_it_is() {
        let event = event(4, &json!({"list": []}));
        let present = Present::of(&event, STEPS).expect("JSON");
        assert_eq!(present.shape(), ("sample.named", 4));
        assert!(matches!(present.unknown(), EventReadError::Unknown { schema_version: 4, .. }));
    }
}
