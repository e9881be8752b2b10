use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use portcullis_domain::{
    commit::{Append, Commit, Expected, RowChange},
    company::{Member, MemberStatus},
    event::{Actor, Event, EventData, EventType, NewEvent, StreamKind},
    id::{EventId, StreamId},
    port::{EventListQuery, EventScope, EventSearchQuery, StreamStatistics},
};
use serde_json::json;
use uuid::Uuid;

use crate::{StoreHarness, StorePorts, sample};

const EVERYTHING: EventSearchQuery = EventSearchQuery {
    scope: EventScope::All,
    event_type: None,
    actor: None,
    from: None,
    to: None,
    text: None,
};
/// More than a store looks at for one page.
const MANY: usize = 2_500;

/// All that a search finds, page by page.
async fn search(store: &StorePorts, query: &EventSearchQuery, size: usize) -> Vec<Event> {
    let (mut found, mut before) = (Vec::new(), None::<EventId>);
    for _ in 0..sample::ALL {
        let page = store.event_search.search(query, before, size).await.expect("searched");
        assert!(
            page.events.len() <= size,
            "{} events where at most {size} were asked for",
            page.events.len()
        );
        found.extend(page.events);
        let Some(next) = page.next else { return found };
        assert!(before.is_none_or(|before| next < before), "a page goes on");
        before = Some(next);
    }
    panic!("the pages do not end");
}

/// All that a list holds, page by page.
async fn list(store: &StorePorts, stream: StreamId, query: &EventListQuery, size: usize) -> Vec<Event> {
    let (mut found, mut query) = (Vec::new(), query.clone());
    for _ in 0..sample::ALL {
        let page = store.event_search.list(stream, &query, size).await.expect("listed");
        assert!(
            page.events.len() <= size,
            "{} events where at most {size} were asked for",
            page.events.len()
        );
        found.extend(page.events);
        match page.next {
            None => return found,
            Some(next) if query.is_descending => query.to = next - 1,
            Some(next) => query.from = next + 1,
        }
    }
    panic!("the pages do not end");
}

fn typed(event_type: &str) -> NewEvent {
    NewEvent { event_type: EventType::new(event_type), ..sample::event() }
}

async fn append(store: &StorePorts, stream: StreamId, events: Vec<NewEvent>) -> Vec<Event> {
    store.commit(sample::appends([sample::append_events(stream, Expected::Any, events)])).await
}

/// Up and down, within bounds that lie anywhere, of one type and of all, in pages of any size.
pub async fn a_list_gives_the_versions_asked_for_in_their_order<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (stream, other) = (sample::id(), sample::id());
    let types = ["a.b", "A.B", "a.b.c", "a"];
    let all = append(&store, stream, (0..9).map(|place| typed(types[place % 4])).collect()).await;
    append(&store, other, vec![typed("a.b"), typed("a")]).await;
    for (from, to) in [(0, u64::MAX), (1, 9), (3, 7), (5, 5), (9, 100), (10, 100), (7, 3)] {
        for event_type in [None, Some("a.b"), Some("a"), Some("a.%"), Some("nothing\0")] {
            for is_descending in [false, true] {
                let query =
                    EventListQuery { from, to, event_type: event_type.map(EventType::new), is_descending };
                let mut expected: Vec<_> = all
                    .iter()
                    .filter(|event| (from..=to).contains(&event.version))
                    .filter(|event| {
                        query.event_type.as_ref().is_none_or(|wanted| *wanted == event.event.event_type)
                    })
                    .cloned()
                    .collect();
                if is_descending {
                    expected.reverse();
                }
                for size in [1, 2, 4, 100] {
                    assert_eq!(list(&store, stream, &query, size).await, expected, "{query:?} by {size}");
                }
            }
        }
    }
    let all = EventListQuery { from: 0, to: u64::MAX, event_type: None, is_descending: false };
    assert_eq!(list(&store, sample::id(), &all, 10).await, [], "of a stream without events");
}

/// Every combination of filters, in pages of any size.
pub async fn a_search_gives_what_meets_every_filter<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let streams: [StreamId; 2] = [sample::id(), sample::id()];
    let actors: [Uuid; 2] = [sample::id(), sample::id()];
    let mut all = Vec::new();
    for place in 0..24_usize {
        let actor = match place % 4 {
            0 => Actor::User(actors[0]),
            1 => Actor::ApiKey(actors[1]),
            2 => Actor::User(actors[1]),
            _ => Actor::System,
        };
        let event_type = ["order.placed", "order.Placed", "order"][place % 3];
        let colour = ["blue", "Blue", "green"][place / 8];
        let data = EventData::of(&json!({"text": colour}));
        let event = NewEvent { actor, data, ..typed(event_type) };
        all.extend(append(&store, streams[place % 2], vec![event]).await);
    }
    all.reverse();
    let ids: Vec<_> = all.iter().map(|event| event.event.id).collect();
    for scope in [EventScope::All, EventScope::Stream(streams[1]), EventScope::Stream(sample::id())] {
        for event_type in [None, Some("order.placed"), Some("order.%")] {
            for actor in [None, Some(actors[0]), Some(actors[1])] {
                for text in [None, Some("blue"), Some("e")] {
                    for (from, to) in [(None, None), (Some(ids[18]), None), (Some(ids[20]), Some(ids[3]))] {
                        let event_type = event_type.map(EventType::new);
                        let text = text.map(str::to_owned);
                        let query = EventSearchQuery { scope, event_type, actor, from, to, text };
                        check_search(&store, &query, &all).await;
                    }
                }
            }
        }
    }
}

async fn check_search(store: &StorePorts, query: &EventSearchQuery, all: &[Event]) {
    let meets = |event: &&Event| {
        let new = &event.event;
        let is_in_scope = match query.scope {
            EventScope::Stream(stream) => event.stream == stream,
            EventScope::All | EventScope::Company(_) => true,
        };
        is_in_scope
            && query.event_type.as_ref().is_none_or(|wanted| *wanted == new.event_type)
            && query.actor.is_none_or(|actor| new.actor.id() == Some(actor))
            && query.from.is_none_or(|from| new.id >= from)
            && query.to.is_none_or(|to| new.id < to)
            && query.text.as_ref().is_none_or(|text| new.data.as_str().contains(text))
    };
    let expected: Vec<_> = all.iter().filter(meets).cloned().collect();
    for size in [1, 5, 200] {
        assert_eq!(search(store, query, size).await, expected, "{query:?} by {size}");
    }
}

/// And of nobody who merely asks to belong to it, or belongs to another one.
pub async fn a_search_of_a_company_gives_its_own_streams_and_its_active_members<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (company, other_company) = (store.put_new_company().await, store.put_new_company().await);
    let mut members = Vec::new();
    for place in 0..4 {
        let user = store.put_new_user().await;
        let at = if place == 3 { other_company.id } else { company.id };
        let status = if place == 2 { MemberStatus::Pending } else { MemberStatus::Active };
        let member = Member { status, ..sample::member(user.id, at) };
        store.put([RowChange::PutMember(member.clone())]).await;
        members.push(member);
    }
    let streams: Vec<StreamId> = members
        .iter()
        .map(|member| member.user.into())
        .chain([company.stream(), other_company.stream(), sample::id()])
        .collect();
    let mut all = Vec::new();
    for place in 0..40_usize {
        let event = typed(["note.made", "note.read"][place / 7 % 2]);
        let stream = streams[place % streams.len()];
        let kind = if place % streams.len() > 3 { StreamKind::Company } else { StreamKind::User };
        let append = Append { stream, kind, expected: Expected::Any, events: vec![event] };
        all.extend(store.commit(sample::appends([append])).await);
    }
    all.reverse();
    let seen: BTreeSet<_> = [streams[0], streams[1], company.stream()].into();
    for event_type in [None, Some(EventType::new("note.made"))] {
        let scope = EventScope::Company(company.id);
        let query = EventSearchQuery { scope, event_type: event_type.clone(), ..EVERYTHING };
        let expected: Vec<_> = all
            .iter()
            .filter(|event| seen.contains(&event.stream))
            .filter(|event| event_type.as_ref().is_none_or(|wanted| *wanted == event.event.event_type))
            .cloned()
            .collect();
        for size in [1, 3, 200] {
            assert_eq!(search(&store, &query, size).await, expected, "{event_type:?} by {size}");
        }
    }
}

/// Far behind more events than one page looks at, which come before it in the search.
pub async fn what_is_rare_is_found_page_by_page<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let stream = sample::id();
    let data = EventData::of(&json!({"text": "a needle"}));
    let needle = NewEvent { data, ..typed("rare.thing") };
    let actor = needle.actor.id();
    let first = append(&store, stream, vec![needle]).await.remove(0);
    let hay: Vec<_> =
        (0..MANY).map(|_| NewEvent { actor: first.event.actor, ..typed("common.thing") }).collect();
    append(&store, stream, hay).await;
    let last = append(&store, stream, vec![typed("rare.thing")]).await.remove(0);

    let text = Some("a needle".to_owned());
    let rare = Some(EventType::new("rare.thing"));
    for query in [
        EventSearchQuery { text: text.clone(), ..EVERYTHING },
        EventSearchQuery { text: text.clone(), scope: EventScope::Stream(stream), ..EVERYTHING },
        EventSearchQuery { text, actor, ..EVERYTHING },
        EventSearchQuery { event_type: rare.clone(), actor, ..EVERYTHING },
    ] {
        assert_eq!(search(&store, &query, 10).await, std::slice::from_ref(&first), "{query:?}");
    }
    for is_descending in [false, true] {
        let query = EventListQuery { from: 0, to: u64::MAX, event_type: rare.clone(), is_descending };
        let mut expected = vec![first.clone(), last.clone()];
        if is_descending {
            expected.reverse();
        }
        assert_eq!(list(&store, stream, &query, 10).await, expected);
    }
}

/// Whoever pages sees what there was when they began, each once, whatever is written between two pages.
pub async fn what_is_there_is_given_once_beside_writers<H: StoreHarness>() {
    const THERE: usize = 120;
    let harness = H::start().await;
    let store = harness.ports();
    let stream = sample::id();
    let there = append(&store, stream, (0..THERE).map(|_| typed("note.made")).collect()).await;
    let (writing, stream_of_writer) = (store.clone(), stream);
    let writer = tokio::spawn(async move {
        for _ in 0..200 {
            append(&writing, stream_of_writer, vec![typed("note.made")]).await;
            append(&writing, sample::id(), vec![typed("note.made")]).await;
        }
    });
    let made = Some(EventType::new("note.made"));
    for query in [
        EventSearchQuery { event_type: made, ..EVERYTHING },
        EventSearchQuery { scope: EventScope::Stream(stream), ..EVERYTHING },
    ] {
        let found: Vec<_> = search(&store, &query, 7).await.into_iter().map(|event| event.event.id).collect();
        let once: BTreeSet<_> = found.iter().copied().collect();
        assert_eq!(once.len(), found.len(), "each once");
        assert!(there.iter().all(|event| once.contains(&event.event.id)), "none is missing");
    }
    let query = EventListQuery { from: 0, to: u64::MAX, event_type: None, is_descending: true };
    let versions: Vec<_> = list(&store, stream, &query, 7).await.iter().map(|event| event.version).collect();
    let expected: Vec<_> = (1..=versions[0]).rev().collect();
    assert_eq!(versions, expected);
    writer.await.expect("it wrote");
}

/// What means something in a pattern, a quotation or a script.
pub async fn a_text_is_found_letter_for_letter<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let texts = [
        "100 %",
        "a_b",
        "back\\\\slash",
        "it's",
        "Straße 키 😀",
        "[x]*",
        "(.+)",
        "$1",
        "E'\\\\n'",
        "NULL",
        "é",
        "ABC",
    ];
    let mut all = Vec::new();
    for text in texts {
        let data = EventData::from_stored(format!(r#"{{"said":"before {text} after"}}"#));
        all.extend(append(&store, sample::id(), vec![NewEvent { data, ..sample::event() }]).await);
    }
    let find = async |text: &str| {
        let query = EventSearchQuery { text: Some(text.to_owned()), ..EVERYTHING };
        search(&store, &query, 100).await
    };
    for (text, event) in texts.iter().zip(&all) {
        assert_eq!(find(text).await, std::slice::from_ref(event), "{text}");
    }
    for nowhere in ["100%", "aXb", "abc", "e\u{301}", "said\0", "\u{10ffff}"] {
        assert_eq!(find(nowhere).await, [], "{nowhere}");
    }
    assert_eq!(find("before").await.len(), texts.len());
    assert_eq!(find("").await.len(), texts.len(), "every text holds the empty one");
}

fn at(day: i64, microseconds: i64) -> DateTime<Utc> {
    let midnight = sample::now().date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
    midnight + TimeDelta::days(day) + TimeDelta::microseconds(microseconds)
}

/// To the microsecond at midnight, before 1970, and of no other stream.
pub async fn a_stream_is_counted_by_type_and_by_day<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let stream = sample::id();
    let before_1970 = DateTime::UNIX_EPOCH - TimeDelta::microseconds(1);
    let times = [at(0, 0), at(0, -1), at(0, 1), at(1, 0), at(-30, 5), before_1970, at(2, 7)];
    let types = ["user.logged_in", "user.updated", "user.logged_in", "note.made"];
    let events: Vec<_> = times
        .into_iter()
        .enumerate()
        .map(|(place, recorded_at)| NewEvent { recorded_at, ..typed(types[place % 4]) })
        .collect();
    append(&store, stream, events.clone()).await;
    append(&store, sample::id(), vec![typed("user.logged_in")]).await;

    let since = [before_1970, at(0, 1), at(0, 2), at(3, 0)];
    let logged_in = EventType::new("user.logged_in");
    let mut recent = since.map(|since| (logged_in.clone(), since)).to_vec();
    recent.push((EventType::new("user.updated"), before_1970));
    let counted = store.event_search.statistics(stream, &recent).await.expect("counted");
    let mut expected = StreamStatistics { events: 7, ..StreamStatistics::default() };
    for event in &events {
        *expected.by_type.entry(event.event_type.clone()).or_default() += 1;
        *expected.by_day.entry(event.recorded_at.date_naive()).or_default() += 1;
    }
    expected.first_at = times.into_iter().min();
    expected.last_at = times.into_iter().max();
    let counts = recent.iter().map(|(wanted, since)| {
        let of_type = events.iter().filter(|event| event.event_type == *wanted);
        of_type.filter(|event| event.recorded_at >= *since).count() as u64
    });
    expected.recent = counts.collect();
    assert_eq!(counted, expected);

    let nothing = store.event_search.statistics(sample::id(), &[]).await.expect("counted");
    assert_eq!(nothing, StreamStatistics::default());
}

/// And of many days the last ones, however many there are.
pub async fn of_many_types_the_most_frequent_are_counted_apart<H: StoreHarness>() {
    const TYPES: usize = StreamStatistics::MOST_TYPES + 20;
    const DAYS: usize = StreamStatistics::MOST_DAYS + 10;
    let harness = H::start().await;
    let store = harness.ports();
    let stream = sample::id();
    let mut events = Vec::new();
    for number in 0..TYPES {
        let count = if number < 30 { 2 } else { 1 };
        events.extend(
            (0..count).map(|_| NewEvent { recorded_at: at(0, 0), ..typed(&format!("t.{number:03}")) }),
        );
    }
    events.extend(
        (0..DAYS).zip(1..).map(|(_, day)| NewEvent { recorded_at: at(-day, 0), ..typed("most.of.all") }),
    );
    let count = events.len() as u64;
    let commit =
        Commit { appends: vec![sample::append_events(stream, Expected::New, events)], ..Commit::default() };
    store.commit(commit).await;

    let recent = EventType::new("most.of.all");
    let counted =
        store.event_search.statistics(stream, &[(recent.clone(), at(-7, 0))]).await.expect("counted");
    assert_eq!((counted.events, counted.recent.as_slice()), (count, [7].as_slice()));
    let mut by_type = BTreeMap::from([(recent, DAYS as u64)]);
    by_type.extend(
        (0..StreamStatistics::MOST_TYPES - 1)
            .map(|number| (EventType::new(format!("t.{number:03}")), if number < 30 { 2 } else { 1 })),
    );
    assert_eq!(counted.by_type, by_type);
    assert_eq!(counted.by_day.len(), StreamStatistics::MOST_DAYS);
    let last_day = counted.by_day.last_key_value().map(|(day, events)| (*day, *events));
    assert_eq!(last_day, Some((at(0, 0).date_naive(), TYPES as u64 + 30)));
}
