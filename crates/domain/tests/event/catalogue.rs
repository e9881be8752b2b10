use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use portcullis_domain::event::catalogue;

/// What an event's type begins with where the service itself writes it.
const OWN: [&str; 5] = ["user.", "company.", "api_key.", "feature.", "stream."];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The constants that are types of events.
fn named(source: &str) -> impl Iterator<Item = &str> {
    let values = source.lines().filter_map(|line| line.trim_end_matches(';').split_once(": &str = \""));
    let values = values.filter_map(|(_, value)| value.strip_suffix('"'));
    let is_type = |value: &&str| {
        OWN.iter().any(|prefix| value.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()))
            && value.bytes().all(|byte| byte.is_ascii_lowercase() || b"._".contains(&byte))
    };
    values.filter(is_type)
}

#[test]
fn every_type_that_the_code_names_has_a_schema() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let known: BTreeSet<_> = catalogue().into_iter().map(|schema| schema.event_type).collect();
    let mut named_types = 0;
    for file in files {
        let source = fs::read_to_string(&file).expect("a text");
        for event_type in named(&source) {
            named_types += 1;
            assert!(
                known.contains(event_type),
                "{} names the event type {event_type}, which has no schema. Add it to a `schemas()` beside its enum (user/event/schema.rs \
                 is one), which `catalogue()` in crates/domain/src/event/schema.rs lists; then a sample of it, as {} says.",
                file.display(),
                super::sample::REMEDY
            );
        }
    }
    assert!(named_types >= 24, "the names were found: {named_types}");
}

#[test]
fn versions_of_a_type_follow_each_other_from_the_first() {
    let mut before = ("", 0);
    for schema in catalogue() {
        let expected = if schema.event_type == before.0 { before.1 + 1 } else { 1 };
        assert_eq!(schema.version, expected, "{}", schema.event_type);
        before = (schema.event_type, schema.version);
    }
}

/// A schema is a promise to whoever reads the log. What an older version promises never changes; a new shape is a new version.
#[test]
fn the_schemas_are_the_ones_that_were_reviewed() {
    for schema in catalogue() {
        let name = format!("{}.{}", schema.event_type, schema.version);
        let both = serde_json::json!({"data": schema.data, "personal": schema.personal});
        insta::assert_snapshot!(name, format!("{both:#}"));
    }
}

#[test]
fn personal_facts_are_marked_as_sealed_and_data_are_not() {
    for schema in catalogue() {
        assert_eq!(schema.data.get("x-sealed"), None, "{}", schema.event_type);
        if let Some(personal) = schema.personal {
            assert_eq!(personal["x-sealed"], true, "{}", schema.event_type);
        }
    }
}
