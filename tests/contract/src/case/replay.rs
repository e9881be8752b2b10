use std::time::Duration;

use portcullis_domain::{
    commit::{Claim, ClaimKey, Commit, Expected, RowChange},
    event::EventHash,
    id::{StreamId, UserId},
    port::{FeedCursor, Shadow},
    replay::{DerivedRows, Mark, TableComparison, Wanted},
    user::User,
};

use crate::{StoreHarness, StorePorts, sample};

/// Long enough for a commit that does not wait to be done.
const A_WHILE: Duration = Duration::from_millis(300);

async fn open(store: &StorePorts) -> Box<dyn Shadow> {
    store.replays.open().await.expect("opens")
}

fn mark(position: u64) -> Mark {
    Mark { cursor: FeedCursor { transaction: 0, position }, hash: EventHash::new([7; 32]) }
}

/// Rows of users, who have data keys, and the unique keys they hold.
async fn rows(store: &StorePorts, users: &[User]) -> DerivedRows {
    store.put(users.iter().map(|user| RowChange::PutSubjectKey(sample::subject_key(user.id.into())))).await;
    let claims = users.iter().flat_map(|user| User::claims_between(None, Some(user)));
    DerivedRows {
        claims: claims.collect(),
        users: users.iter().map(|user| (user.id, Some(user.clone()))).collect(),
        ..DerivedRows::default()
    }
}

async fn find(store: &StorePorts, id: UserId) -> Option<User> {
    store.users.find(id).await.expect("reads")
}

fn of<'a>(tables: &'a [TableComparison], name: &str) -> &'a TableComparison {
    tables.iter().find(|table| table.table == name).expect("is compared")
}

/// Readers are never without.
pub async fn rows_beside_are_seen_by_nobody_until_they_are_swapped_in<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (before, new) = (store.put_new_user().await, sample::user());
    let mut after = before.clone();
    after.version += 1;
    let company = sample::company();
    let member = sample::member(new.id, company.id);
    let mut shadow = open(&store).await;
    assert_eq!(shadow.mark().await.expect("reads"), Mark::START);
    let mut wanted = rows(&store, &[after.clone(), new.clone()]).await;
    wanted.companies.insert(company.id, Some(company.clone()));
    wanted.members.insert(new.id, Some(member.clone()));
    let (state, feature) = (sample::stream_state(new.id.into()), sample::feature());
    wanted.features.insert(feature.id, Some(feature.clone()));
    wanted.states.insert(state.stream, Some(state.clone()));
    shadow.write(&wanted, mark(3)).await.expect("writes");
    assert_eq!(find(&store, new.id).await, None);
    assert_eq!(find(&store, before.id).await.as_ref(), Some(&before));
    assert_eq!(store.companies.find(company.id).await.expect("reads"), None);
    shadow.lock().await.expect("locks");
    assert_eq!(find(&store, before.id).await.as_ref(), Some(&before), "readers do not wait");
    shadow.swap().await.expect("swaps");
    for user in [&after, &new] {
        assert_eq!(find(&store, user.id).await.as_ref(), Some(user));
        assert_eq!(store.users.find_by_email(&user.profile.email).await.expect("reads").as_ref(), Some(user));
    }
    assert_eq!(store.companies.find(company.id).await.expect("reads"), Some(company));
    let membership = store.members.find(new.id).await.expect("reads").expect("is there");
    assert_eq!(membership.member, member);
    assert_eq!(store.streams.find_state(state.stream).await.expect("reads"), Some(state));
    assert_eq!(store.features.find(&feature.name).await.expect("reads"), Some(feature));
    // The keys came with them.
    let key = ClaimKey::email(&new.profile.email);
    let taken = sample::claims([Claim::Take { key, owner: sample::id() }]);
    assert!(sample::taken(store.events.commit(taken).await).is_some());
    let wanted = Wanted { users: [new.id].into(), ..Wanted::default() };
    let begun_anew = open(&store).await.find(&wanted).await.expect("reads");
    assert_eq!(begun_anew, DerivedRows::absent(&wanted), "nothing is left beside");
}

/// A replay of a long log is not begun anew because a machine was restarted.
pub async fn rows_beside_are_gone_on_with_after_a_restart<H: StoreHarness>() {
    let harness = H::start().await;
    let (one, other) = (sample::user(), sample::user());
    let store = harness.ports();
    let mut shadow = open(&store).await;
    let mut written = rows(&store, &[one.clone(), other.clone()]).await;
    let state = sample::stream_state(one.id.into());
    let feature = sample::feature();
    written.states.insert(state.stream, Some(state.clone()));
    written.features.insert(feature.id, Some(feature.clone()));
    shadow.write(&written, mark(5)).await.expect("writes");
    drop((shadow, store));
    let harness = harness.restart().await;
    let store = harness.ports();
    let mut shadow = open(&store).await;
    assert_eq!(shadow.mark().await.expect("reads"), mark(5));
    let users = [one.id, other.id, sample::id()].into();
    let states = [one.id.into(), other.id.into()].into();
    let wanted = Wanted { users, states, features: [feature.id].into(), ..Wanted::default() };
    let found = shadow.find(&wanted).await.expect("reads");
    assert_eq!(found.users.values().flatten().count(), 2);
    assert_eq!(found.users[&one.id].as_ref(), Some(&one));
    assert_eq!(found.states[&state.stream], Some(state));
    assert_eq!(found.states[&other.id.into()], None);
    assert_eq!(found.features[&feature.id], Some(feature));
    let mut gone = DerivedRows::default();
    gone.users.insert(other.id, None);
    gone.claims = User::claims_between(Some(&other), None);
    shadow.write(&gone, mark(6)).await.expect("writes");
    shadow.lock().await.expect("locks");
    shadow.swap().await.expect("swaps");
    assert_eq!((find(&store, one.id).await.as_ref(), find(&store, other.id).await), (Some(&one), None));
}

/// By row, to the byte.
pub async fn a_comparison_counts_what_is_wrong_and_what_is_lacking<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (alike, differing, surplus) =
        (store.put_new_user().await, store.put_new_user().await, store.put_new_user().await);
    let mut wanted = differing.clone();
    wanted.unlocks += 1;
    let mut shadow = open(&store).await;
    let written = rows(&store, &[alike, wanted.clone(), sample::user()]).await;
    shadow.write(&written, mark(1)).await.expect("writes");
    shadow.lock().await.expect("locks");
    let tables = shadow.compare().await.expect("compares");
    let users = of(&tables, "users");
    assert_eq!((users.rows, users.wrong, users.lacking), (3, 2, 2), "{users:?}");
    for table in ["companies", "members", "stream_states", "features"] {
        assert!(of(&tables, table).is_identical(), "{table}");
    }
    shadow.swap().await.expect("swaps");
    assert_eq!(find(&store, surplus.id).await, None);
    assert_eq!(find(&store, wanted.id).await, Some(wanted));
}

/// Or a replay would sign everybody out.
pub async fn a_swap_leaves_what_no_event_tells<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let user = store.put_new_user().await;
    let (credential, session) = (sample::credential(user.id), sample::session(user.id));
    store.put([RowChange::PutCredential(credential.clone()), RowChange::PutSession(session.clone())]).await;
    let mut after = user.clone();
    after.version += 1;
    let mut shadow = open(&store).await;
    let written = rows(&store, std::slice::from_ref(&after)).await;
    shadow.write(&written, mark(1)).await.expect("writes");
    shadow.lock().await.expect("locks");
    shadow.swap().await.expect("swaps");
    assert_eq!(find(&store, user.id).await, Some(after));
    assert_eq!(store.credentials.find(user.id).await.expect("reads"), Some(credential));
    assert_eq!(store.sessions.find(session.id).await.expect("reads"), Some(session));
}

/// Where the log is another one than it was.
pub async fn what_was_discarded_is_begun_anew<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let user = store.put_new_user().await;
    let mut shadow = open(&store).await;
    let written = rows(&store, &[sample::user()]).await;
    shadow.write(&written, mark(9)).await.expect("writes");
    shadow.discard().await.expect("discards");
    let mut shadow = open(&store).await;
    assert_eq!(shadow.mark().await.expect("reads"), Mark::START);
    shadow.lock().await.expect("locks");
    shadow.discard().await.expect("discards");
    assert_eq!(find(&store, user.id).await.as_ref(), Some(&user));
    // Nobody waits for what was given up.
    store.commit(sample::appends([sample::append(sample::id(), Expected::New, 1)])).await;
}

/// Neither what was there before, nor what a replay that had read the key before it was destroyed writes after.
pub async fn of_the_erased_nothing_is_kept_beside<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (erased, late) = (sample::user(), sample::user());
    let (before, after) = (
        rows(&store, std::slice::from_ref(&erased)).await,
        rows(&store, &[erased.clone(), late.clone()]).await,
    );
    let mut shadow = open(&store).await;
    shadow.write(&before, mark(1)).await.expect("writes");
    let shred = vec![erased.id.into(), late.id.into()];
    store.commit(Commit { shred, ..Commit::default() }).await;
    shadow.write(&after, mark(2)).await.expect("writes");
    drop(shadow);
    let wanted = Wanted { users: [erased.id, late.id].into(), ..Wanted::default() };
    let mut shadow = open(&store).await;
    assert_eq!(shadow.find(&wanted).await.expect("reads"), DerivedRows::absent(&wanted));
    shadow.discard().await.expect("discards");
}

/// What is committed in between would be lost with the rows it wrote.
pub async fn a_commit_waits_for_the_swap<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    store.commit(sample::appends([sample::append(sample::id(), Expected::New, 2)])).await;
    let newest = store.feed().await.last().expect("events").cursor;
    let mut shadow = open(&store).await;
    assert_eq!(shadow.lock().await.expect("locks"), newest);
    let stream: StreamId = sample::id();
    let committing = {
        let store = store.clone();
        tokio::spawn(async move {
            store.commit(sample::appends([sample::append(stream, Expected::New, 1)])).await
        })
    };
    tokio::time::sleep(A_WHILE).await;
    assert!(store.events.head(stream).await.expect("reads").is_none(), "a commit does not wait");
    shadow.swap().await.expect("swaps");
    assert_eq!(committing.await.expect("it ends").len(), 1);
    assert!(store.events.head(stream).await.expect("reads").is_some());
}
