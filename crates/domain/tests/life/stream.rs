//! Streams: what clients write on them, and the snapshots that they are read from.

use std::{num::NonZeroU64, time::Duration};

use portcullis_domain::{
    audit::{Accessed, Evidence},
    caller::{Caller, Role},
    checkpoint::{Cadence, Notary},
    commit::{Commit, RowChange},
    event::{Event, Version},
    id::{SnapshotId, StreamId, UserId},
    port::{Accesses, EventListQuery, EventStore, IdempotencyKeys, Streams, Users},
    seal::{DataKey, Sealed},
    stream::{
        AppendEvent, AppendEventError, AuditCursor, AuditPage, CHECKED, DeactivateStream, Fold, HistoryItem,
        IdempotencyKey, LatestSnapshotError, SearchEvents, SetMetadata, Snapshot, SnapshotFault, StreamError,
        Subject, TakeSnapshotError,
    },
    testing::{PlainKeys, SeededEntropy},
    user::{Patch, ProfileUpdate, UserEvent},
    value::Password,
};
use serde_json::{Map, Value, json};

use crate::world::{PASSWORD, World};

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { panic!("{value} is no object") };
    object
}

fn append(stream: StreamId, data: Value, expected: Option<Version>, key: Option<&str>) -> AppendEvent {
    let key: Option<IdempotencyKey> = key.map(|key| key.parse().expect("a key"));
    AppendEvent::parse(stream, "order.placed", &object(data), expected, key).expect("valid")
}

impl World {
    async fn write(&self, caller: &Caller, data: Value) -> Event {
        let command = append(caller.user.into(), data, None, None);
        self.identity.append_event(caller, &command, &self.origin).await.expect("written")
    }

    async fn key_of(&self, user: UserId) -> DataKey {
        self.identity.data_key(user.into()).await.expect("reads").expect("a key")
    }

    async fn put(&self, row: RowChange) {
        let commit = Commit { rows: vec![row], ..Commit::default() };
        self.memory.commit(commit).await.expect("kept");
    }

    async fn version(&self, stream: StreamId) -> Version {
        self.memory.head(stream).await.expect("reads").expect("there").version
    }

    /// What the whole stream adds up to, read from the first event on.
    async fn folded(&self, user: UserId) -> Fold {
        let key = self.key_of(user).await;
        let head = self.memory.head(user.into()).await.expect("reads").expect("there");
        self.identity.fold_stream(head.stream, head.kind, head.version, Some(&key)).await.expect("folds")
    }

    /// A page of an audit, compared with what the notary signed.
    async fn audit_of(&self, caller: &Caller, stream: StreamId, after: Option<AuditCursor>) -> AuditPage {
        let (keys, memory) = (PlainKeys::new(1), self.memory.as_ref());
        let evidence = Evidence { checkpoints: Some(memory), keys: Some(&keys), ..Evidence::default() };
        self.identity.audit_stream(caller, stream, after, 50, evidence).await.expect("checked")
    }

    /// Signs all that there is.
    async fn sign(&self) {
        let cadence = Cadence { events: 100, time: Duration::from_secs(60) };
        let memory = self.memory.clone();
        let mut notary = Notary::new(memory.clone(), memory, self.clock.clone(), cadence);
        notary.catch_up(&PlainKeys::new(1)).await.expect("signed");
    }

    /// Faults of snapshots that were met, and the snapshot that was believed.
    async fn loaded(&self, user: UserId) -> (Vec<SnapshotFault>, Option<SnapshotId>) {
        let key = self.key_of(user).await;
        let head = self.memory.head(user.into()).await.expect("reads").expect("there");
        let loaded = self.identity.load_stream(&head, Some(&key)).await.expect("loads");
        assert_eq!(loaded.fold, self.folded(user).await, "whatever it was read from");
        let faults = loaded.rejected.iter().map(|rejected| rejected.fault).collect();
        (faults, loaded.snapshot.map(|snapshot| snapshot.id))
    }
}

/// What a snapshot is sealed for, as its format has it.
fn place(id: SnapshotId, at: &Event) -> Vec<u8> {
    let version = at.version.to_le_bytes();
    [id.as_uuid().as_bytes().as_slice(), at.stream.as_uuid().as_bytes(), &version, at.hash.as_bytes()]
        .concat()
}

#[tokio::test]
async fn what_clients_write_bumps_the_version_of_the_account_and_nothing_else() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    let before = world.identity.get_profile(&jane).await.expect("there").user;
    let event = world.write(&jane, json!({"order": 7})).await;
    assert_eq!((event.version, event.event.actor), (before.version + 1, jane.actor()));
    let after = world.identity.get_profile(&jane).await.expect("there").user;
    assert_eq!(after.version, event.version);
    assert_eq!(portcullis_domain::user::User { version: before.version, ..after }, before);

    // The account is written on as before.
    let update = ProfileUpdate { phone: Patch::Set("+82 10".to_owned()), ..ProfileUpdate::default() };
    world.identity.update_profile(&jane, &update, &world.origin).await.expect("updated");
    let Some(Subject::User(user)) = world.folded(jane.user).await.subject else { panic!("an account") };
    assert_eq!(*user, world.identity.get_profile(&jane).await.expect("there").user);
}

#[tokio::test]
async fn the_same_request_with_the_same_key_is_done_once() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    let stream = jane.user.into();
    let version = world.identity.stream_status(&jane, stream).await.expect("there").head.version;
    let command = append(stream, json!({"order": 7}), Some(version), Some("key-1"));
    let first = world.identity.append_event(&jane, &command, &world.origin).await.expect("written");
    world.write(&jane, json!({})).await;
    world.clock.advance(Duration::from_secs(24 * 3600 - 1));
    // Though the stream has moved on, and was deactivated.
    let deactivate = DeactivateStream::parse(stream, None).expect("valid");
    world.identity.deactivate_stream(&jane, &deactivate, &world.origin).await.expect("done");
    let again = world.identity.append_event(&jane, &command, &world.origin).await.expect("answered");
    assert_eq!(again, first);

    let other = append(stream, json!({"order": 8}), Some(version), Some("key-1"));
    let refused = world.identity.append_event(&jane, &other, &world.origin).await;
    assert!(matches!(refused, Err(AppendEventError::KeyReused)), "{refused:?}");
}

#[tokio::test]
async fn a_key_may_be_used_anew_after_a_day_whether_it_was_forgotten_or_not() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    let stream: StreamId = jane.user.into();
    let command = append(stream, json!({"order": 7}), None, Some("key-1"));
    let write =
        async || world.identity.append_event(&jane, &command, &world.origin).await.expect("written").version;
    let first = write().await;
    world.clock.advance(Duration::from_secs(24 * 3600));
    let second = write().await;
    assert_eq!(second, first + 1, "done anew");
    assert_eq!(write().await, second, "and once");
    assert_eq!(world.identity.forget_requests().await.expect("forgets"), 0, "it is of now");
    world.clock.advance(Duration::from_secs(24 * 3600 + 1));
    assert_eq!(world.identity.forget_requests().await.expect("forgets"), 1);
    let now = portcullis_domain::port::Clock::now(world.clock.as_ref());
    assert_eq!(world.memory.list_older(now + chrono::TimeDelta::days(9), 9).await.expect("reads"), []);
    assert_eq!(write().await, second + 1, "its claim was given back");
}

#[tokio::test]
async fn a_stream_that_was_deactivated_takes_nothing_more_and_its_account_lives_on() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    let stream: StreamId = jane.user.into();
    let command = SetMetadata::parse(stream, object(json!({"label": "a"})), None).expect("valid");
    let status = world.identity.set_metadata(&jane, &command, &world.origin).await.expect("set");
    assert_eq!(status.state.metadata["label"], "a");
    let same = world.identity.set_metadata(&jane, &command, &world.origin).await.expect("set");
    assert_eq!(same.head.version, status.head.version, "nothing happened");

    let deactivate = DeactivateStream::parse(stream, Some("the shop of Jane Doe closed")).expect("valid");
    let status = world.identity.deactivate_stream(&jane, &deactivate, &world.origin).await.expect("done");
    assert!(!status.is_active);
    let again = world.identity.deactivate_stream(&jane, &deactivate, &world.origin).await.expect("done");
    assert_eq!(again.head, status.head, "it was so already");
    let refused =
        world.identity.append_event(&jane, &append(stream, json!({}), None, None), &world.origin).await;
    assert!(matches!(refused, Err(AppendEventError::Inactive)));
    world.caller("jane@example.com").await;
    let log = world.log().await;
    assert!(log.iter().all(|event| !event.event.data.as_str().contains("Jane Doe")), "the reason is sealed");
}

#[tokio::test]
async fn a_stream_is_read_from_its_newest_snapshot_and_the_events_after_it() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    assert_eq!(world.loaded(jane.user).await, (vec![], None));
    let mut taken = Vec::new();
    for number in 0..5 {
        world.write(&jane, json!({"number": number})).await;
        let update =
            ProfileUpdate { name: Patch::Set(format!("Jane D {number}")), ..ProfileUpdate::default() };
        world.identity.update_profile(&jane, &update, &world.origin).await.ok();
        let shown =
            world.identity.take_snapshot(&jane, jane.user.into(), &world.origin).await.expect("taken");
        taken.push(shown.snapshot);
        assert_eq!(world.loaded(jane.user).await, (vec![], Some(taken[number].id)));
    }
    world.write(&jane, json!({})).await;
    let shown = world.identity.latest_snapshot(&jane, jane.user.into()).await.expect("there");
    assert_eq!(shown.snapshot, taken[4]);
    assert_eq!(shown.state["subject"]["user"]["profile"]["email"], "jane@example.com");
    let kept = world.memory.list_snapshots(jane.user.into(), 100).await.expect("reads");
    assert_eq!(kept.len(), 3, "older ones are of no use");
    let check = world.audit_of(&jane, jane.user.into(), None).await.check;
    assert_eq!((check.finding, check.snapshots, check.rejected.len()), (None, 3, 0));
}

#[tokio::test]
async fn a_snapshot_that_the_log_does_not_bear_out_is_reported_and_never_believed() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    let stream: StreamId = jane.user.into();
    let key = world.key_of(jane.user).await;
    let entropy = SeededEntropy::new(99);
    let sound = world.identity.take_snapshot(&jane, stream, &world.origin).await.expect("taken").snapshot;
    world.write(&jane, json!({})).await;
    let true_one = world.identity.take_snapshot(&jane, stream, &world.origin).await.expect("taken").snapshot;
    let at = world.history(jane.user).await[usize::try_from(true_one.version).expect("few") - 1].clone();
    let plain = key.open(&true_one.state, &place(true_one.id, &at)).expect("opens");
    let text = String::from_utf8(plain).expect("JSON");

    let sealed = |text: &str, place: &[u8]| key.seal(text.as_bytes(), place, &entropy);
    let promoted = text.replace(r#""role":"user""#, r#""role":"admin""#);
    assert_ne!(promoted, text);
    let mut flipped = true_one.state.as_bytes().to_vec();
    flipped[40] ^= 1;
    let other_key = DataKey::generate(&entropy);
    let mut other_history = at.clone();
    other_history.hash = portcullis_domain::event::EventHash::new([7; 32]);
    let with_state = |state: Sealed| Snapshot { state, ..true_one.clone() };
    let other_id: SnapshotId = uuid::Uuid::from_u128(u128::MAX - 5).into();
    let at_next = &world.history(jane.user).await[usize::try_from(true_one.version).expect("few")];

    for (forged, fault) in [
        (with_state(Sealed::new(flipped)), SnapshotFault::DoesNotOpen),
        (
            with_state(other_key.seal(text.as_bytes(), &place(true_one.id, &at), &entropy)),
            SnapshotFault::DoesNotOpen,
        ),
        (with_state(sealed(&text, &place(true_one.id, &other_history))), SnapshotFault::DoesNotOpen),
        (with_state(Sealed::new(Vec::new())), SnapshotFault::DoesNotOpen),
        // With the right key, for the right place, and false.
        (with_state(sealed(&promoted, &place(true_one.id, &at))), SnapshotFault::FalseState),
        (with_state(sealed("no JSON", &place(true_one.id, &at))), SnapshotFault::FalseState),
        // That nobody took: of another id, or where another event follows.
        (
            Snapshot { id: other_id, state: sealed(&promoted, &place(other_id, &at)), ..true_one.clone() },
            SnapshotFault::NotInLog,
        ),
        (
            Snapshot {
                version: at_next.version,
                state: sealed(&promoted, &place(true_one.id, at_next)),
                ..true_one.clone()
            },
            SnapshotFault::NotInLog,
        ),
        (Snapshot { version: 1_000_000, ..true_one.clone() }, SnapshotFault::NotInLog),
        (Snapshot { version: u64::MAX, ..true_one.clone() }, SnapshotFault::NotInLog),
    ] {
        world.put(RowChange::PutSnapshot(forged.clone())).await;
        let (faults, believed) = world.loaded(jane.user).await;
        let by_another = forged.id != true_one.id;
        assert_eq!(faults, [fault], "{forged:?}");
        assert_eq!(believed, Some(if by_another { true_one.id } else { sound.id }), "{fault:?}");
        let shown = world.identity.latest_snapshot(&jane, stream).await.expect("an older one");
        assert_eq!(shown.state["subject"]["user"]["role"], "user");
        assert_eq!(shown.rejected.len(), 1, "it is reported");
        let check = world.audit_of(&jane, stream, None).await.check;
        assert_eq!(check.finding, None, "the log is whole");
        assert_eq!(check.rejected.iter().map(|rejected| rejected.fault).collect::<Vec<_>>(), [fault]);
        world.put(RowChange::DeleteSnapshotsBelow(stream, Version::MAX)).await;
        world.put(RowChange::PutSnapshot(sound.clone())).await;
        world.put(RowChange::PutSnapshot(true_one.clone())).await;
        // The one that no deletion reaches is put back to where it was.
        assert_eq!(world.loaded(jane.user).await, (vec![], Some(true_one.id)));
    }
}

#[tokio::test]
async fn an_audit_says_how_far_it_looked_and_which_checkpoint_bears_it_out() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    let stream: StreamId = jane.user.into();
    let check = world.audit_of(&jane, stream, None).await.check;
    assert_eq!((check.from, check.is_whole, check.is_sound(), check.witness), (1, true, true, None));
    world.sign().await;
    world.write(&jane, json!({})).await;
    let check = world.audit_of(&jane, stream, None).await.check;
    let witness = check.witness.expect("signed");
    assert_eq!((witness.checkpoint, witness.version, witness.fault), (1, check.events - 1, None));

    // Too long for one look.
    for number in 0..CHECKED {
        world.write(&jane, json!({"number": number})).await;
    }
    world.sign().await;
    let (all, bound) = (world.version(stream).await, CHECKED as u64);
    let first = world.audit_of(&jane, stream, None).await;
    assert_eq!((first.check.from, first.check.events, first.check.is_whole), (1, bound, false));
    assert!(first.check.is_sound());
    let (mut after, mut listed) = (first.next, first.entries.len());
    while let Some(cursor) = after {
        let page = world.audit_of(&jane, stream, Some(cursor)).await;
        let check = page.check;
        // The event before the page, and the page.
        assert_eq!((check.from, check.events), (listed as u64, page.entries.len() as u64 + 1));
        assert!(check.is_sound() && !check.is_whole);
        listed += page.entries.len();
        assert_eq!(check.witness.expect("signed").version, listed as u64);
        after = page.next;
    }
    assert_eq!(listed as u64, all);
}

#[tokio::test]
async fn snapshots_are_taken_by_themselves_at_every_so_many_events() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    for number in 0..30 {
        world.write(&jane, json!({"number": number})).await;
    }
    let every = NonZeroU64::new(10).expect("some");
    let follow = async || {
        for event in world.history(jane.user).await {
            world.identity.take_due_snapshot(&event, every).await.expect("taken");
        }
    };
    follow().await;
    let taken = |types: &[String]| types.iter().filter(|name| *name == "stream.snapshot_taken").count();
    assert_eq!(taken(&world.types().await), 1, "what one snapshot of now is for all of them");
    follow().await;
    assert_eq!(taken(&world.types().await), 1, "events may come again");
    for number in 0..12 {
        world.write(&jane, json!({"number": number})).await;
        follow().await;
    }
    assert!(taken(&world.types().await) >= 2);
    let (faults, believed) = world.loaded(jane.user).await;
    assert!(faults.is_empty() && believed.is_some());
}

#[tokio::test]
async fn every_event_may_have_a_snapshot_and_none_has_one_of_its_own() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    let every = NonZeroU64::MIN;
    for round in 0..3 {
        world.write(&jane, json!({"round": round})).await;
        for event in world.history(jane.user).await {
            world.identity.take_due_snapshot(&event, every).await.expect("taken");
        }
    }
    let types = world.types().await;
    let taken = types.iter().filter(|name| *name == "stream.snapshot_taken").count();
    assert_eq!(taken, 3, "{types:?}");
}

#[tokio::test]
async fn an_erased_person_leaves_a_stream_without_anything_of_theirs() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    let moderator = world.official("mod@example.com", Role::Moderator).await;
    let other = world.register("joe@example.com", None).await.expect("registers");
    let joe = world.caller("joe@example.com").await;
    let stream: StreamId = jane.user.into();
    world.write(&jane, json!({"order": 7})).await;
    let metadata = SetMetadata::parse(stream, object(json!({"label": "a"})), None).expect("valid");
    world.identity.set_metadata(&jane, &metadata, &world.origin).await.expect("set");
    world.identity.take_snapshot(&jane, stream, &world.origin).await.expect("taken");
    let password = Password::new(PASSWORD);
    world.identity.erase_self(&jane, Some(&password), &world.origin).await.expect("erased");

    assert_eq!(world.memory.find_state(stream).await.expect("reads"), None);
    assert_eq!(world.memory.list_snapshots(stream, 9).await.expect("reads"), []);
    assert!(matches!(world.identity.stream_status(&joe, stream).await, Err(StreamError::NotFound)));
    let status = world.identity.stream_status(&moderator, stream).await.expect("it is there");
    assert!(!status.is_active);
    let history = world.identity.stream_history(&moderator, stream, None, 50).await.expect("shown");
    let hidden = history.items.iter().filter_map(|item| match item {
        HistoryItem::Event(_, changes) => changes.get("profile").map(|change| change.is_hidden),
        HistoryItem::Access(_) => None,
    });
    assert_eq!(hidden.collect::<Vec<_>>(), [true]);
    let refused =
        world.identity.append_event(&moderator, &append(stream, json!({}), None, None), &world.origin).await;
    assert!(matches!(refused, Err(AppendEventError::Inactive)));
    let refused = world.identity.take_snapshot(&moderator, stream, &world.origin).await;
    assert!(matches!(refused, Err(TakeSnapshotError::Inactive)));
    let none = world.identity.latest_snapshot(&moderator, stream).await;
    assert!(matches!(none, Err(LatestSnapshotError::NotFound(rejected)) if rejected.is_empty()));
    let audit = world.audit_of(&moderator, stream, None).await;
    assert_eq!((audit.check.finding, audit.check.is_whole), (None, true));
    assert!(audit.entries.iter().all(|entry| entry.origin.is_none()));
    assert_eq!(other.id, joe.user);
}

#[tokio::test]
async fn whoever_opens_anothers_history_is_recorded_and_shown_to_them() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    let moderator = world.official("mod@example.com", Role::Moderator).await;
    let stream: StreamId = jane.user.into();
    let looks = async || {
        let looks = world.memory.list_by_stream(stream, None, 100).await.expect("reads");
        looks.into_iter().map(|look| (look.actor, look.what)).collect::<Vec<_>>()
    };
    let all = EventListQuery { from: 0, to: u64::MAX, event_type: None, is_descending: false };
    world.identity.list_events(&moderator, stream, &all, 10).await.expect("listed");
    world.identity.stream_status(&moderator, stream).await.expect("shown");
    let everything = SearchEvents { limit: 10, ..SearchEvents::default() };
    world.identity.search_events(&moderator, &everything).await.expect("found");
    assert_eq!(looks().await, [], "nothing was opened");

    let history = world.identity.stream_history(&moderator, stream, None, 50).await.expect("shown");
    let email = history.items.iter().find_map(|item| match item {
        HistoryItem::Event(_, changes) => changes.get("email"),
        HistoryItem::Access(_) => None,
    });
    assert_eq!(email.expect("of the creation").after, "jane@example.com");
    world.audit_of(&moderator, stream, None).await;
    assert_eq!(looks().await, [(moderator.actor(), Accessed::Stream); 2]);

    let own = world.identity.stream_history(&jane, stream, None, 50).await.expect("shown");
    let seen: Vec<_> = own
        .items
        .iter()
        .filter_map(|item| match item {
            HistoryItem::Access(access) => Some(access.actor),
            HistoryItem::Event(..) => None,
        })
        .collect();
    assert_eq!(seen, [moderator.actor(); 2]);
    assert_eq!(looks().await.len(), 2, "one's own look is none");
}

#[tokio::test]
async fn every_use_reads_what_clients_wrote() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    let said = world.write(&jane, json!({"user_id": "another", "order": 7})).await;
    let read = UserEvent::read(&said.event, None).expect("reads");
    assert_eq!((read.event_type(), read.personal()), ("order.placed", None));
    let exported = world.identity.export_events(&jane, 0).await.expect("exported");
    let own = exported.iter().find(|exported| exported.event.event.id == said.event.id).expect("exported");
    assert!(own.origin.is_some(), "from where it was written");
    let user = Users::find(world.memory.as_ref(), jane.user).await.expect("reads").expect("there");
    assert_eq!(user.version, said.version);
    let text = Some(r#"der":7"#.to_owned());
    let asked = SearchEvents { text, limit: 10, ..SearchEvents::default() };
    let found = world.identity.search_events(&jane, &asked).await.expect("found").events;
    assert_eq!(found, [], "a quotation mark is looked for as it is written inside of texts");
}
