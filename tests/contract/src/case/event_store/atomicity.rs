//! Lines 5 and 13: all or nothing.

use portcullis_domain::{
    commit::{Claim, ClaimKey, Commit, CommitError, Committed, Expected, Guard},
    event::Version,
    id::StreamId,
    port::StoreError,
};
use uuid::Uuid;

use super::person::Person;
use crate::{StoreHarness, StorePorts, race::race, sample};

const RACERS: usize = 16;

/// What was there before a commit that fails, and must be there after it.
struct Before {
    stream: StreamId,
    person: Person,
    held: (ClaimKey, Uuid),
}

/// What the failing commit would write.
struct Attempt {
    stream: StreamId,
    person: Person,
    claim: (ClaimKey, Uuid),
}

impl Before {
    async fn set_up(store: &StorePorts) -> Self {
        let (stream, person, held) = (sample::id(), Person::new(), (sample::key(), sample::id()));
        let commit = Commit {
            appends: vec![sample::append(stream, Expected::New, 2)],
            claims: vec![Claim::Take { key: held.0.clone(), owner: held.1 }],
            rows: person.puts(),
            ..Commit::default()
        };
        store.commit(commit).await;
        Self { stream, person, held }
    }

    /// A commit that changes everything there is; whoever takes it adds what makes it fail.
    fn attempt(&self) -> (Commit, Attempt) {
        let claim = (sample::key(), sample::id());
        let attempt = Attempt { stream: sample::id(), person: Person::new(), claim };
        let mut renamed = self.person.user.clone();
        renamed.profile.username = Some(sample::username());
        let puts = std::iter::once(sample::put_user(&renamed)).chain(attempt.person.puts());
        let commit = Commit {
            appends: vec![sample::append(attempt.stream, Expected::New, 1)],
            guards: vec![],
            claims: vec![
                Claim::Take { key: attempt.claim.0.clone(), owner: attempt.claim.1 },
                Claim::Release { key: self.held.0.clone(), owner: self.held.1 },
            ],
            rows: puts.chain(self.person.deletions()).collect(),
            shred: vec![self.person.subject_key.subject],
        };
        (commit, attempt)
    }

    async fn check_unchanged(&self, store: &StorePorts) {
        assert_eq!(store.feed().await.len(), 2, "events in the feed");
        assert_eq!(store.stream(self.stream).await.len(), 2, "events on the stream");
        self.person.check_is_there(store).await;
        let take = Claim::Take { key: self.held.0.clone(), owner: sample::id() };
        let outcome = store.events.commit(sample::claims([take])).await;
        assert_eq!(sample::taken(outcome), Some(self.held.0.clone()), "the release of a failed commit");
    }
}

impl Attempt {
    async fn check_absent(&self, store: &StorePorts) {
        assert!(store.stream(self.stream).await.is_empty(), "an event of a failed commit");
        assert_eq!(store.events.head(self.stream).await.expect("reads"), None);
        self.person.check_is_absent(store).await;
        let company = self.person.company.id;
        assert_eq!(store.companies.find(company).await.expect("reads"), None);
        let take = Claim::Take { key: self.claim.0.clone(), owner: sample::id() };
        let outcome = store.events.commit(sample::claims([take])).await;
        assert!(outcome.is_ok(), "a failed commit holds its claim: {outcome:?}");
    }
}

/// Commits what must fail, and looks everywhere for what it may have left.
async fn check_failure_leaves_nothing<H: StoreHarness>(
    spoil: impl FnOnce(&Before, &mut Commit),
    check: impl FnOnce(&Before, Result<Committed, CommitError>),
) {
    let harness = H::start().await;
    let store = harness.ports();
    let before = Before::set_up(&store).await;
    let (mut commit, attempt) = before.attempt();
    spoil(&before, &mut commit);
    check(&before, store.events.commit(commit).await);
    before.check_unchanged(&store).await;
    attempt.check_absent(&store).await;
}

/// The second append fails, when the first one and the claims were good.
pub async fn a_commit_that_conflicts_leaves_nothing<H: StoreHarness>() {
    check_failure_leaves_nothing::<H>(
        |before, commit| commit.appends.push(sample::append(before.stream, Expected::Exactly(1), 1)),
        |before, outcome| assert_eq!(sample::conflict(&outcome), Some((before.stream, 1, 2))),
    )
    .await;
}

/// The last claim fails: it takes what it could not have.
pub async fn a_commit_whose_key_is_taken_leaves_nothing<H: StoreHarness>() {
    let (key, owner) = (sample::key(), sample::id());
    let wanted = key.clone();
    check_failure_leaves_nothing::<H>(
        move |_, commit| {
            commit.claims.push(Claim::Take { key: key.clone(), owner });
            commit.claims.push(Claim::Take { key, owner: sample::id() });
        },
        |_, outcome| assert_eq!(sample::taken(outcome), Some(wanted)),
    )
    .await;
}

/// The last guard fails, when everything else was good.
pub async fn a_commit_whose_guard_does_not_hold_leaves_nothing<H: StoreHarness>() {
    check_failure_leaves_nothing::<H>(
        |before, commit| commit.guards.extend([guard(sample::id(), 0), guard(before.stream, 1)]),
        |before, outcome| assert_eq!(sample::conflict(&outcome), Some((before.stream, 1, 2))),
    )
    .await;
}

/// What failed once can be committed when the reason is gone.
pub async fn a_commit_that_failed_can_be_made_again<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let before = Before::set_up(&store).await;
    let (mut commit, attempt) = before.attempt();
    commit.appends.push(sample::append(before.stream, Expected::Exactly(1), 1));
    let failed = store.events.commit(commit.clone()).await;
    assert_eq!(sample::conflict(&failed), Some((before.stream, 1, 2)));
    commit.appends[1].expected = Expected::Exactly(2);
    store.commit(commit).await;
    assert_eq!(store.stream(before.stream).await.len(), 3);
    assert_eq!(store.stream(attempt.stream).await.len(), 1);
    attempt.person.check_is_there(&store).await;
    before.person.check_is_absent(&store).await;
}

/// Several streams, one commit, both orders at once: all land, none is left behind, and nobody waits for ever.
pub async fn racing_commits_of_several_streams_apply_whole<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (one, other) = (sample::id(), sample::id());
    race(RACERS, |number| {
        let store = store.clone();
        let streams = if number % 2 == 0 { [one, other] } else { [other, one] };
        let commit = sample::appends(streams.map(|stream| sample::append(stream, Expected::Any, 1)));
        async move { store.commit(commit).await }
    })
    .await;
    let versions = |events: Vec<portcullis_domain::event::Event>| -> Vec<_> {
        events.iter().map(|event| event.version).collect()
    };
    let expected: Vec<_> = (1..=RACERS as u64).collect();
    assert_eq!(versions(store.stream(one).await), expected);
    assert_eq!(versions(store.stream(other).await), expected);
}

/// Two streams, each at its version; one of the racers has both, the others neither.
pub async fn of_racing_commits_of_two_streams_one_has_both<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (one, other) = (sample::id(), sample::id());
    let outcomes = race(RACERS, |number| {
        let store = store.clone();
        let streams = if number % 2 == 0 { [one, other] } else { [other, one] };
        let commit = sample::appends(streams.map(|stream| sample::append(stream, Expected::New, 1)));
        async move { store.events.commit(commit).await }
    })
    .await;
    let won: Vec<_> = outcomes.into_iter().filter_map(Result::ok).collect();
    assert_eq!(won.len(), 1, "winners");
    let mut stored = [store.stream(one).await, store.stream(other).await].concat();
    stored.sort_by_key(|event| event.position);
    assert_eq!(stored, won[0].events);
}

const fn guard(stream: StreamId, version: Version) -> Guard {
    Guard { stream, version }
}

fn is_refused(outcome: &Result<Committed, CommitError>) -> bool {
    matches!(outcome, Err(CommitError::Store(StoreError::Corrupt(_))))
}

/// Such a commit is a defect of the program that made it.
pub async fn an_append_without_events_is_refused<H: StoreHarness>() {
    check_failure_leaves_nothing::<H>(
        |_, commit| commit.appends.push(sample::append(sample::id(), Expected::Any, 0)),
        |_, outcome| assert!(is_refused(&outcome), "{outcome:?}"),
    )
    .await;
}

/// Even where the versions would fit one after the other.
pub async fn two_appends_to_one_stream_are_refused<H: StoreHarness>() {
    for (first, second) in [(2, 3), (2, 2)] {
        check_failure_leaves_nothing::<H>(
            |before, commit| {
                commit.appends.push(sample::append(before.stream, Expected::Exactly(first), 1));
                commit.appends.push(sample::append(before.stream, Expected::Exactly(second), 1));
            },
            |_, outcome| assert!(is_refused(&outcome), "{outcome:?}"),
        )
        .await;
    }
}

/// Whether the guards hold or not, and whatever else would fail.
pub async fn a_stream_named_twice_among_appends_and_guards_is_refused<H: StoreHarness>() {
    for (version, other) in [(2, 2), (2, 1), (1, 2), (0, 9)] {
        for is_appended in [true, false] {
            check_failure_leaves_nothing::<H>(
                |before, commit| {
                    if is_appended {
                        commit.appends.push(sample::append(before.stream, Expected::Exactly(other), 1));
                    } else {
                        commit.guards.push(guard(before.stream, other));
                    }
                    commit.guards.extend([guard(sample::id(), 3), guard(before.stream, version)]);
                    commit.claims.push(Claim::Take { key: before.held.0.clone(), owner: sample::id() });
                    commit.claims.push(Claim::Take { key: before.held.0.clone(), owner: sample::id() });
                },
                |_, outcome| assert!(is_refused(&outcome), "{outcome:?}"),
            )
            .await;
        }
    }
}
