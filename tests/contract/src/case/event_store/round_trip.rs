//! Lines 1 and 9: what goes in comes out.

use chrono::{DateTime, Utc};
use portcullis_domain::{
    commit::Expected,
    event::{Actor, EventData, EventType, NewEvent, StreamKind},
    seal::Sealed,
};

use crate::{StoreHarness, sample};

/// Appends events to a stream of their own and compares each way of reading them with what was appended.
async fn check_round_trip<H: StoreHarness>(kind: StreamKind, events: Vec<NewEvent>) {
    let harness = H::start().await;
    let store = harness.ports();
    let stream = sample::id();
    let mut append = sample::append_events(stream, Expected::New, events.clone());
    append.kind = kind;
    let committed = store.commit(sample::appends([append])).await;
    let read = store.stream(stream).await;
    let feed: Vec<_> = store.feed().await.into_iter().map(|item| item.event).collect();
    assert!(committed == read, "what `commit` returned is not what `read_stream` reads");
    assert!(feed == read, "what `read_feed` reads is not what `read_stream` reads");
    assert_eq!(read.len(), events.len());
    for (read, written) in read.iter().zip(&events) {
        assert!(read.event == *written, "written: {}, read: {}", brief(written), brief(&read.event));
        assert_eq!((read.stream, read.stream_kind), (stream, kind));
    }
}

/// Short enough to print, whatever its size.
fn brief(event: &NewEvent) -> String {
    format!("{event:?}").chars().take(2_000).collect()
}

/// Every field, and a time with microseconds.
pub async fn an_event_reads_back_as_it_was_written<H: StoreHarness>() {
    check_round_trip::<H>(StreamKind::User, vec![sample::event()]).await;
}

/// Person, key, service; user and company.
pub async fn every_kind_of_actor_and_stream_reads_back<H: StoreHarness>() {
    for kind in [StreamKind::User, StreamKind::Company, StreamKind::Feature] {
        let actors = [Actor::User(sample::id()), Actor::ApiKey(sample::id()), Actor::System];
        let events = actors.map(|actor| NewEvent { actor, ..sample::event() });
        check_round_trip::<H>(kind, events.to_vec()).await;
    }
}

/// `None` and no bytes at all are two things, and a sealed part may hold any byte.
pub async fn absent_empty_and_arbitrary_sealed_parts_stay_apart<H: StoreHarness>() {
    let parts = [None, Some(vec![]), Some(vec![0]), Some((0..=255).collect())];
    let events = parts.map(|part| NewEvent { personal: part.map(Sealed::new), ..sample::event() });
    check_round_trip::<H>(StreamKind::User, events.to_vec()).await;
}

/// The hash is over the text, so a store that parses JSON and writes it anew breaks the chain.
pub async fn event_data_keep_white_space_escapes_and_key_order<H: StoreHarness>() {
    let texts = [
        "{}",
        "{ \"b\" : 1,\n\t\"a\" :\r\n 2 }  ",
        r#"{"a":1,"a":2}"#,
        r#"{"a":"\u00e9\ud83d\ude00\\\"\/\n"}"#,
        r#"{"a":"\u0000"}"#,
        r#"{"n":1.0,"big":123456789012345678901234567890,"e":1E+2}"#,
        r#"{"sql":"'; DROP TABLE events; --","percent":"%_?$1:x@y"}"#,
    ];
    let events = texts.map(|text| NewEvent { data: EventData::from_stored(text), ..sample::event() });
    check_round_trip::<H>(StreamKind::User, events.to_vec()).await;
}

/// No script is folded, normalised or replaced.
pub async fn event_data_in_any_script_read_back<H: StoreHarness>() {
    let texts = [
        "{\"name\":\"김민준 Анна सत्यजित نجيب 😀 \u{1f469}\u{200d}\u{1f4bb}\"}",
        "{\"composed\":\"\u{e9}\",\"decomposed\":\"e\u{301}\",\"bom\":\"\u{feff}\",\"rtl\":\"\u{202e}\"}",
        "{\"last\":\"\u{10ffff}\u{fffd}\"}",
    ];
    let events = texts.map(|text| NewEvent { data: EventData::from_stored(text), ..sample::event() });
    check_round_trip::<H>(StreamKind::User, events.to_vec()).await;
}

/// 1 MiB of data and 1 MiB of sealed bytes in one event.
pub async fn a_payload_of_one_mebibyte_reads_back<H: StoreHarness>() {
    let text = format!("{{\"text\":\"{}\"}}", "é".repeat(512 * 1024));
    let bytes = (0..1024 * 1024_u32).map(|n| n.to_le_bytes()[usize::from(n % 3 == 0)]).collect();
    let event = NewEvent {
        data: EventData::from_stored(text),
        personal: Some(Sealed::new(bytes)),
        ..sample::event()
    };
    check_round_trip::<H>(StreamKind::User, vec![event]).await;
}

/// Before 1970, after 2038, and one microsecond beside a whole second.
pub async fn times_long_past_and_far_ahead_read_back<H: StoreHarness>() {
    let micros = [0, 1, -1, 999_999, -12_219_292_800_000_000, 4_102_444_800_000_001, 253_402_300_799_999_999];
    let time = |micros| DateTime::<Utc>::from_timestamp_micros(micros).expect("within chrono's range");
    let events = micros.map(|micros| NewEvent { recorded_at: time(micros), ..sample::event() });
    check_round_trip::<H>(StreamKind::User, events.to_vec()).await;
}

/// A later version of the software, or a client, wrote them.
pub async fn events_of_unknown_types_are_kept<H: StoreHarness>() {
    let types = [("no.such_thing", 1), ("Größe änderte sich/😀", 4_000_000_000), ("x", 0)];
    let events = types.map(|(name, schema_version)| NewEvent {
        event_type: EventType::new(name),
        schema_version,
        ..sample::event()
    });
    check_round_trip::<H>(StreamKind::User, events.to_vec()).await;
}
