//! Whatever a test has written is what the catalogue of schemas says.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll, Waker},
};

use jsonschema::Validator;
use portcullis_domain::{
    Identity,
    event::{Event, catalogue},
    port::{EventStore, FeedCursor},
    stream::is_reserved,
};
use portcullis_memory::Memory;
use serde_json::Value;

/// What to do about a type that the catalogue does not have.
const MISSING: &str = "add it to the `schemas()` of its domain folder (user/event/schema.rs is one), and those to `catalogue()` in crates/domain/src/event/schema.rs";

/// The validators of one version: of data, and of personal facts.
struct Shape {
    data: Validator,
    personal: Option<Validator>,
}

/// Checks, when a test is through, every event that it wrote.
pub(crate) struct Written {
    identity: Identity,
    memory: Arc<Memory>,
}

static SHAPES: LazyLock<BTreeMap<(&str, u32), Shape>> = LazyLock::new(|| {
    let shapes = catalogue().into_iter().map(|schema| {
        let shape =
            Shape { data: validator(&schema.data), personal: schema.personal.as_ref().map(validator) };
        ((schema.event_type, schema.version), shape)
    });
    shapes.collect()
});

fn validator(schema: &Value) -> Validator {
    jsonschema::draft202012::options().should_validate_formats(true).build(schema).expect("a schema")
}

/// Data, and the personal facts where they could be opened, are as the schema of their type and version says.
#[track_caller]
pub(crate) fn assert_valid(event_type: &str, version: u32, data: &Value, personal: Option<&Value>) {
    let shape = SHAPES.get(&(event_type, version));
    let shape = shape
        .unwrap_or_else(|| panic!("{event_type} with schema version {version} has no schema: {MISSING}"));
    assert_fits(&shape.data, data, &format!("{event_type} {version}"));
    match (&shape.personal, personal) {
        (_, None) => {}
        (Some(validator), Some(facts)) => {
            assert_fits(validator, facts, &format!("{event_type} {version}, personal"));
        }
        (None, Some(_)) => {
            panic!("{event_type} {version} has personal facts without a schema: `with_personal` gives it one")
        }
    }
}

#[track_caller]
fn assert_fits(validator: &Validator, value: &Value, what: &str) {
    let errors: Vec<_> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what} is not what its schema says: {errors:#?}\n{value:#}");
}

impl Written {
    pub(crate) fn new(identity: &Identity, memory: &Arc<Memory>) -> Self {
        Self { identity: identity.clone(), memory: Arc::clone(memory) }
    }

    async fn check(&self) {
        for item in self.memory.read_feed(FeedCursor::START, usize::MAX).await.expect("reads") {
            self.check_event(&item.event).await;
        }
    }

    async fn check_event(&self, event: &Event) {
        // What clients say is theirs to describe.
        if !is_reserved(event.event.event_type.as_str()) {
            return;
        }
        let subject = (*event.stream.as_uuid()).into();
        let key = self.identity.data_key(subject).await.expect("reads");
        let facts = event.event.open_facts::<Value>(key.as_ref()).expect("opens");
        let data = event.event.data.read().expect("JSON");
        assert_valid(event.event.event_type.as_str(), event.event.schema_version, &data, facts.as_ref());
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // The memory adapter waits for nothing.
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(pin!(self.check()).poll(&mut context), Poll::Ready(())));
    }
}
