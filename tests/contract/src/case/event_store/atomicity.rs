//! Lines 5 and 12: all or nothing.

use portcullis_domain::{
    commit::{Claim, ClaimKey, Commit, CommitError, Committed, Expected, RowChange},
    id::StreamId,
    port::StoreError,
    seal::SubjectKey,
    session::Session,
    user::{Credential, User},
    verification::{OneTimeCode, Purpose},
};

use crate::{StoreHarness, StorePorts, race::race, sample};

const RACERS: usize = 16;

/// What was there before a commit that fails, and must be there after it.
struct Before {
    stream: StreamId,
    user: User,
    session: Session,
    subject_key: SubjectKey,
    held: (ClaimKey, uuid::Uuid),
}

/// What the failing commit would write.
struct Attempt {
    stream: StreamId,
    user: User,
    credential: Credential,
    session: Session,
    code: OneTimeCode,
    subject_key: SubjectKey,
    claim: (ClaimKey, uuid::Uuid),
}

impl Before {
    async fn set_up(store: &StorePorts) -> Self {
        let user = sample::user();
        let (session, subject_key) = (sample::session(user.id), sample::subject_key(user.id.into()));
        let (stream, held) = (sample::id(), (sample::key(), sample::id()));
        let commit = Commit {
            appends: vec![sample::append(stream, Expected::New, 2)],
            guards: vec![],
            claims: vec![Claim::Take { key: held.0.clone(), owner: held.1 }],
            rows: vec![
                sample::put_user(&user),
                RowChange::PutSession(session.clone()),
                RowChange::PutSubjectKey(subject_key.clone()),
            ],
            shred: vec![],
        };
        store.commit(commit).await;
        Self { stream, user, session, subject_key, held }
    }

    /// A commit that changes everything there is; whoever takes it adds what makes it fail.
    fn attempt(&self) -> (Commit, Attempt) {
        let user = sample::user();
        let attempt = Attempt {
            stream: sample::id(),
            credential: sample::credential(user.id),
            session: sample::session(user.id),
            code: sample::one_time_code(user.id, Purpose::VerifyEmail),
            subject_key: sample::subject_key(user.id.into()),
            claim: (sample::key(), sample::id()),
            user,
        };
        let mut renamed = self.user.clone();
        renamed.profile.username = Some(sample::username());
        let commit = Commit {
            appends: vec![sample::append(attempt.stream, Expected::New, 1)],
            guards: vec![],
            claims: vec![
                Claim::Take { key: attempt.claim.0.clone(), owner: attempt.claim.1 },
                Claim::Release { key: self.held.0.clone(), owner: self.held.1 },
            ],
            rows: vec![
                sample::put_user(&renamed),
                sample::put_user(&attempt.user),
                RowChange::PutCredential(attempt.credential.clone()),
                RowChange::PutSession(attempt.session.clone()),
                RowChange::PutOneTimeCode(attempt.code.clone()),
                RowChange::PutSubjectKey(attempt.subject_key.clone()),
                RowChange::DeleteSession(self.session.id),
            ],
            shred: vec![self.subject_key.subject],
        };
        (commit, attempt)
    }

    async fn check_unchanged(&self, store: &StorePorts) {
        let username = self.user.profile.username.clone().expect("the sample has one");
        assert_eq!(store.feed().await.len(), 2, "events in the feed");
        assert_eq!(store.stream(self.stream).await.len(), 2, "events on the stream");
        assert_eq!(store.users.find(self.user.id).await.expect("reads"), Some(self.user.clone()));
        assert_eq!(store.users.find_by_username(&username).await.expect("reads"), Some(self.user.clone()));
        assert_eq!(store.sessions.find(self.session.id).await.expect("reads"), Some(self.session.clone()));
        let subject_key = store.subject_keys.find(self.subject_key.subject).await.expect("reads");
        assert_eq!(subject_key, Some(self.subject_key.clone()), "the shredding of a failed commit");
        let take = Claim::Take { key: self.held.0.clone(), owner: sample::id() };
        let outcome = store.events.commit(sample::claims([take])).await;
        assert_eq!(sample::taken(outcome), Some(self.held.0.clone()), "the release of a failed commit");
    }
}

impl Attempt {
    async fn check_absent(&self, store: &StorePorts) {
        let user = self.user.id;
        assert!(store.stream(self.stream).await.is_empty(), "an event of a failed commit");
        assert_eq!(store.events.head(self.stream).await.expect("reads"), None);
        assert_eq!(store.users.find(user).await.expect("reads"), None);
        assert_eq!(store.users.find_by_email(&self.user.profile.email).await.expect("reads"), None);
        assert_eq!(store.credentials.find(user).await.expect("reads"), None);
        assert_eq!(store.sessions.find(self.session.id).await.expect("reads"), None);
        assert_eq!(store.one_time_codes.find(user, self.code.purpose).await.expect("reads"), None);
        assert_eq!(store.subject_keys.find(self.subject_key.subject).await.expect("reads"), None);
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
    assert_eq!(store.users.find(attempt.user.id).await.expect("reads"), Some(attempt.user));
    assert_eq!(store.subject_keys.find(before.subject_key.subject).await.expect("reads"), None);
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
