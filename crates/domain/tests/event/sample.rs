//! A stored event of every type and version there ever was. The files are as a database holds them: they are added to, and never changed.

use std::{collections::BTreeSet, fs, path::PathBuf};

use chrono::DateTime;
use portcullis_domain::{
    api_key::ApiKeyEvent,
    company::CompanyEvent,
    event::{Actor, EventData, EventReadError, EventType, NewEvent, catalogue},
    feature::FeatureEvent,
    id::EventId,
    seal::DataKey,
    stream::StreamEvent,
    testing::SeededEntropy,
    user::UserEvent,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::assert_valid;

pub(crate) const REMEDY: &str = "write what a store holds of one into crates/domain/tests/event/sample/TYPE.VERSION.json, as \
    {\"data\": {…}, \"personal\": the facts that are sealed, or null}, say in tests/event/sample.rs how it is read, and take its schema's snapshot with \
    `INSTA_UPDATE=always cargo test -p portcullis-domain --test event`";

/// A sample: `TYPE.VERSION.json`, or `TYPE.VERSION.NOTE.json` where a version was written in more than one way.
struct Sample {
    file: String,
    event_type: String,
    version: u32,
    data: Value,
    personal: Option<Value>,
}

/// What reading an event and writing it again gives.
struct Rewritten {
    version: u32,
    data: EventData,
    personal: Option<Value>,
}

fn samples() -> Vec<Sample> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/event/sample");
    let files = fs::read_dir(folder).expect("the samples").flatten();
    let samples = files.map(|entry| {
        let file = entry.file_name().into_string().expect("a name");
        let parts: Vec<_> = file.split('.').collect();
        let [subject, act, version, .., "json"] = parts[..] else {
            panic!("{file} is not TYPE.VERSION.json")
        };
        let (event_type, version) = (format!("{subject}.{act}"), version.parse().expect("a version"));
        let text = fs::read_to_string(entry.path()).expect("a text");
        let mut sample: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let personal = Some(sample["personal"].take()).filter(|personal| !personal.is_null());
        Sample { data: sample["data"].take(), file, event_type, version, personal }
    });
    samples.collect()
}

fn key() -> DataKey {
    DataKey::generate(&SeededEntropy::new(1))
}

fn stored(sample: &Sample) -> NewEvent {
    let id = EventId::new(Uuid::from_u128(1));
    let personal = json!({"facts": sample.personal}).to_string();
    NewEvent {
        id,
        event_type: EventType::new(sample.event_type.as_str()),
        schema_version: sample.version,
        actor: Actor::System,
        data: EventData::from_stored(sample.data.to_string()),
        personal: Some(key().seal(personal.as_bytes(), id.as_uuid().as_bytes(), &SeededEntropy::new(2))),
        recorded_at: DateTime::UNIX_EPOCH,
    }
}

/// Reads an event as its kind is read, and writes it again.
fn rewrite(event: &NewEvent, key: Option<&DataKey>) -> Result<Rewritten, EventReadError> {
    let subject = event.event_type.as_str().split_once('.').expect("a subject").0;
    Ok(match subject {
        "user" => {
            let event = UserEvent::read(event, key)?;
            Rewritten { version: event.schema_version(), data: event.data(), personal: event.personal() }
        }
        "company" => {
            let event = CompanyEvent::read(event)?;
            Rewritten { version: event.schema_version(), data: event.data(), personal: None }
        }
        "stream" => {
            let event = StreamEvent::read(event, key)?.expect("of a stream");
            Rewritten { version: event.schema_version(), data: event.data(), personal: event.personal() }
        }
        "api_key" => {
            let event = ApiKeyEvent::read(event, key)?;
            Rewritten { version: event.schema_version(), data: event.data(), personal: event.personal() }
        }
        "feature" => {
            let event = FeatureEvent::read(event)?;
            Rewritten { version: event.schema_version(), data: event.data(), personal: None }
        }
        other => panic!("how is an event of {other} read? Say it here, in tests/event/sample.rs"),
    })
}

#[test]
fn every_type_and_version_has_a_sample_and_every_sample_a_schema() {
    let samples: BTreeSet<_> =
        samples().into_iter().map(|sample| format!("{}.{}", sample.event_type, sample.version)).collect();
    let schemas: BTreeSet<_> =
        catalogue().into_iter().map(|schema| format!("{}.{}", schema.event_type, schema.version)).collect();
    let without_sample: Vec<_> = schemas.difference(&samples).collect();
    assert!(without_sample.is_empty(), "no sample of {without_sample:?}: {REMEDY}");
    let without_schema: Vec<_> = samples.difference(&schemas).collect();
    assert!(
        without_schema.is_empty(),
        "the catalogue has lost versions that were written once, and are stored for ever: {without_schema:?}"
    );
}

#[test]
fn every_sample_is_what_its_schema_says() {
    for sample in samples() {
        assert_valid(&sample.event_type, sample.version, &sample.data, sample.personal.as_ref());
    }
}

#[test]
fn every_sample_still_reads_as_what_is_written_today() {
    for sample in samples() {
        let newest = catalogue().into_iter().filter(|schema| schema.event_type == sample.event_type);
        let newest = newest.map(|schema| schema.version).max().expect("a version");
        let event = stored(&sample);
        let read = rewrite(&event, Some(&key())).unwrap_or_else(|error| panic!("{}: {error}", sample.file));
        let data: Value = read.data.read().expect("JSON");
        assert_eq!(
            read.version, newest,
            "{}: what is written is the newest version in the catalogue",
            sample.file
        );
        assert_valid(&sample.event_type, newest, &data, read.personal.as_ref());
        if sample.version == newest {
            assert_eq!((data, read.personal), (sample.data, sample.personal), "{}", sample.file);
        }
    }
}

#[test]
fn every_sample_reads_without_what_was_personal() {
    for sample in samples() {
        let read = rewrite(&stored(&sample), None).unwrap_or_else(|error| panic!("{}: {error}", sample.file));
        assert_eq!(read.personal, None, "{}", sample.file);
    }
}

#[test]
fn a_request_of_the_first_version_was_for_a_mail_in_english() {
    let samples = samples();
    let first =
        samples.iter().find(|sample| sample.file == "user.verification_requested.1.json").expect("there");
    let read = rewrite(&stored(first), None).expect("reads");
    assert_eq!(read.data.read::<Value>().expect("JSON")["language"], "en");
    let named = samples
        .iter()
        .find(|sample| sample.file == "user.verification_requested.1.language.json")
        .expect("there");
    let read = rewrite(&stored(named), None).expect("reads");
    assert_eq!(read.data.read::<Value>().expect("JSON")["language"], "ko");
}
