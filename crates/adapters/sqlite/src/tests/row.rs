use chrono::{DateTime, TimeDelta, Utc};
use portcullis_domain::{
    audit::{Access, Accessed},
    caller::{Origin, Role},
    commit::{Commit, CommitError, Expected, Guard, RowChange},
    company::{Company, Invitation, Member, MemberRole, MemberStatus},
    event::Actor,
    id::{CompanyId, UserId},
    port::{
        Accesses, Companies, EventStore, Invitations, LoginHistory, Members, RotateOutcome, Rotation,
        Sessions, StoreError,
    },
    session::{LoginAttempt, LoginFailure, Session},
    user::{Profile, User},
    value::{CompanyName, Email, Language, PersonName, ShortText},
};
use uuid::Uuid;

use super::{Folder, append, stream};
use crate::Sqlite;

const START: DateTime<Utc> = DateTime::UNIX_EPOCH;

pub(super) fn id<I: From<Uuid>>(number: u128) -> I {
    Uuid::from_u128(number).into()
}

pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    START + TimeDelta::seconds(seconds)
}

pub(super) fn user(number: u128) -> User {
    User {
        id: id(number),
        version: 1,
        profile: Profile {
            email: Email::new(format!("user{number}@example.com")),
            username: None,
            name: PersonName::new("Jane Doe"),
            phone: None,
            business_type: None,
            business_number: None,
            industry: None,
            region: None,
        },
        role: Role::User,
        is_active: true,
        is_verified: true,
        unlocks: 0,
        created_at: START,
        updated_at: START,
        last_login_at: None,
    }
}

pub(super) fn member(user: u128, company: u128) -> Member {
    Member {
        user: id(user),
        company: id(company),
        role: MemberRole::Member,
        status: MemberStatus::Active,
        joined_at: START,
    }
}

fn company(number: u128) -> Company {
    Company {
        id: id(number),
        version: 1,
        name: CompanyName::new("Acme & Sons"),
        business_number: Some(ShortText::new("123-45")),
        industry: None,
        region: None,
        is_active: true,
        created_at: START,
        updated_at: START,
    }
}

fn attempt(number: u128, user: u128, seconds: i64) -> LoginAttempt {
    LoginAttempt {
        id: id(number),
        user: id(user),
        at: at(seconds),
        origin: Origin::new(Some([127, 0, 0, 1].into()), Some("curl/8")),
        failure: number.is_multiple_of(2).then_some(LoginFailure::InvalidPassword),
    }
}

fn access(number: u128, of: u128, seconds: i64) -> Access {
    Access {
        id: id(number),
        stream: stream(of),
        actor: if number.is_multiple_of(2) { Actor::System } else { Actor::User(Uuid::from_u128(9)) },
        what: Accessed::Listing,
        at: at(seconds),
    }
}

pub(super) async fn put(store: &Sqlite, rows: Vec<RowChange>) {
    store.commit(Commit { rows, ..Commit::default() }).await.expect("kept");
}

async fn users(store: &Sqlite, numbers: impl IntoIterator<Item = u128>) {
    put(store, numbers.into_iter().map(|number| RowChange::PutUser(Box::new(user(number)))).collect()).await;
}

#[tokio::test]
async fn a_guard_on_another_version_fails_the_commit_and_names_both() {
    let folder = Folder::new();
    let store = folder.open();
    store.commit(append(stream(1), Expected::New)).await.expect("kept");
    let guarded = |version| Commit {
        guards: vec![Guard { stream: stream(1), version }],
        ..append(stream(2), Expected::Any)
    };
    for version in [0, 2] {
        match store.commit(guarded(version)).await {
            Err(CommitError::Conflict { stream: of, expected, actual: 1 }) => {
                assert_eq!((of, expected), (stream(1), version));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(store.head(stream(2)).await.expect("read"), None);
    store.commit(guarded(1)).await.expect("kept");
    assert_eq!(store.head(stream(1)).await.expect("read").expect("a head").version, 1);
    let unborn = Commit { guards: vec![Guard { stream: stream(3), version: 0 }], ..Commit::default() };
    store.commit(unborn).await.expect("a stream that has not begun is at 0");
}

#[tokio::test]
async fn a_commit_that_names_a_stream_twice_is_refused_before_anything_is_looked_at() {
    let folder = Folder::new();
    let store = folder.open();
    let guard = Guard { stream: stream(1), version: 7 };
    let both = Commit { guards: vec![guard], ..append(stream(1), Expected::Exactly(7)) };
    let twice = Commit { guards: vec![guard, guard], ..Commit::default() };
    for commit in [both, twice] {
        match store.commit(commit).await {
            Err(CommitError::Store(StoreError::Corrupt(_))) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_session_is_touched_forward_and_rotated_no_further_than_its_end() {
    let folder = Folder::new();
    let store = folder.open();
    users(&store, [1]).await;
    let session = Session {
        id: id(1),
        user: id(1),
        generation: 1,
        created_at: START,
        rotated_at: START,
        last_seen_at: at(10),
        expires_at: at(50),
        ends_at: at(100),
        origin: Origin::default(),
    };
    put(&store, vec![RowChange::PutSession(session.clone())]).await;
    for (touched, last_seen) in [(9, 10), (11, 11), (10, 11)] {
        store.touch(session.id, at(touched)).await.expect("done");
        let seen = Session { last_seen_at: at(last_seen), ..session.clone() };
        assert_eq!(Sessions::find(&store, session.id).await.expect("read"), Some(seen));
    }
    store.touch(id(2), at(1)).await.expect("a session that is gone is passed over");

    let mut rotation = Rotation {
        session: session.id,
        from_generation: 1,
        at: at(20),
        expires_at: at(70),
        origin: Origin::default(),
    };
    for (generation, wanted, expires) in [(1, 70, 70), (2, 100, 100), (3, 120, 100)] {
        rotation.from_generation = generation;
        rotation.expires_at = at(wanted);
        match store.rotate(rotation.clone()).await.expect("done") {
            RotateOutcome::Rotated(rotated) => assert_eq!(rotated.expires_at, at(expires)),
            other => panic!("{other:?}"),
        }
    }
    let late = Rotation { from_generation: 4, at: at(100), expires_at: at(200), ..rotation };
    assert_eq!(store.rotate(late).await.expect("done"), RotateOutcome::Gone);
}

#[tokio::test]
async fn attempts_on_accounts_that_are_gone_are_passed_over_and_the_rest_is_listed_newest_first() {
    let folder = Folder::new();
    let store = folder.open();
    users(&store, [1, 2]).await;
    put(&store, vec![RowChange::PutLoginAttempt(attempt(1, 1, 5))]).await;
    let recorded =
        vec![attempt(2, 1, 7), attempt(3, 3, 7), attempt(4, 1, 5), attempt(5, 2, 6), attempt(6, 1, 4)];
    store.record(recorded).await.expect("kept");

    let newest_first = [attempt(2, 1, 7), attempt(4, 1, 5), attempt(1, 1, 5), attempt(6, 1, 4)];
    assert_eq!(LoginHistory::list_by_user(&store, id(1), None, 10).await.expect("read"), newest_first);
    let mut paged = Vec::new();
    while let [one] =
        &LoginHistory::list_by_user(&store, id(1), paged.last().map(|last: &LoginAttempt| last.id), 1)
            .await
            .expect("read")[..]
    {
        paged.push(one.clone());
    }
    assert_eq!(paged, newest_first);
    assert_eq!(
        LoginHistory::list_by_user(&store, id(2), Some(id(2)), 10).await.expect("read"),
        [],
        "another's attempt is no place in this history"
    );
    assert_eq!(LoginHistory::prune(&store, at(5)).await.expect("done"), 1);
    assert_eq!(LoginHistory::list_by_user(&store, id(1), None, 10).await.expect("read"), newest_first[..3]);
    put(&store, vec![RowChange::DeleteLoginAttemptsOf(id(1)), RowChange::DeleteUser(id(1))]).await;
    assert_eq!(LoginHistory::list_by_user(&store, id(1), None, 10).await.expect("read"), []);
    assert_eq!(LoginHistory::list_by_user(&store, id(2), None, 10).await.expect("read"), [attempt(5, 2, 6)]);
}

#[tokio::test]
async fn many_old_rows_are_pruned_in_writes_of_their_own() {
    let folder = Folder::new();
    let store = folder.open();
    users(&store, [1]).await;
    store.record((0..2_500).map(|number| attempt(number, 1, 1)).collect()).await.expect("kept");
    store.record(vec![attempt(9_999, 1, 2)]).await.expect("kept");
    let before = store.statistics().writes;
    assert_eq!(LoginHistory::prune(&store, at(2)).await.expect("done"), 2_500);
    assert_eq!(store.statistics().writes - before, 3);
    assert_eq!(
        LoginHistory::list_by_user(&store, id(1), None, 9).await.expect("read"),
        [attempt(9_999, 1, 2)]
    );
}

#[tokio::test]
async fn accesses_are_listed_by_stream_and_pruned_by_time() {
    let folder = Folder::new();
    let store = folder.open();
    let put_accesses = [access(1, 1, 5), access(2, 1, 6), access(3, 2, 5), access(4, 1, 6), access(5, 1, 4)];
    put(&store, put_accesses.map(RowChange::PutAccess).into()).await;
    let newest_first = [access(4, 1, 6), access(2, 1, 6), access(1, 1, 5), access(5, 1, 4)];
    for size in [1, 2, 10] {
        let mut paged: Vec<Access> = Vec::new();
        loop {
            let after = paged.last().map(|last| last.id);
            let page = store.list_by_stream(stream(1), after, size).await.expect("read");
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, newest_first);
    }
    assert_eq!(Accesses::prune(&store, at(5)).await.expect("done"), 1);
    put(&store, vec![RowChange::DeleteAccessesTo(stream(1))]).await;
    assert_eq!(store.list_by_stream(stream(1), None, 9).await.expect("read"), []);
    assert_eq!(store.list_by_stream(stream(2), None, 9).await.expect("read"), [access(3, 2, 5)]);
}

#[tokio::test]
async fn a_membership_is_found_with_its_companys_name_and_moves_with_its_user() {
    let folder = Folder::new();
    let store = folder.open();
    users(&store, 1..=4).await;
    let owner = Member { role: MemberRole::Owner, ..member(3, 1) };
    let pending = Member { status: MemberStatus::Pending, role: MemberRole::Owner, ..member(2, 1) };
    let members = [member(1, 1), pending.clone(), owner.clone(), member(4, 2)];
    let rows = [1, 2].map(|number| RowChange::PutCompany(Box::new(company(number))));
    put(&store, rows.into_iter().chain(members.map(RowChange::PutMember)).collect()).await;

    let renamed = Company { name: CompanyName::new("Acme"), version: 2, business_number: None, ..company(1) };
    put(&store, vec![RowChange::PutCompany(Box::new(renamed.clone()))]).await;
    assert_eq!(Companies::find(&store, id(1)).await.expect("read"), Some(renamed));
    let membership = Members::find(&store, id(3)).await.expect("read").expect("a member");
    assert_eq!((membership.member, membership.company_name.as_str()), (owner.clone(), "Acme"));
    assert_eq!(store.list_owners(id(1), 9).await.expect("read"), std::slice::from_ref(&owner));

    let of = |company: u128, after: Option<UserId>, limit| {
        let store = &store;
        let company: CompanyId = id(company);
        async move { store.list_by_company(company, after, limit).await.expect("read") }
    };
    assert_eq!(of(1, None, 2).await, [member(1, 1), pending.clone()]);
    assert_eq!(of(1, Some(id(2)), 2).await, std::slice::from_ref(&owner));
    put(&store, vec![RowChange::PutMember(member(1, 2)), RowChange::DeleteMember(id(2))]).await;
    assert_eq!(of(1, None, 9).await, [owner]);
    assert_eq!(of(2, None, 9).await, [member(1, 2), member(4, 2)]);
    let everybody: Vec<_> = (0..=40_000).map(id).collect();
    let mut found: Vec<_> = store.find_many(&everybody).await.expect("read");
    found.sort_by_key(|membership| membership.member.user);
    let found: Vec<UserId> = found.into_iter().map(|membership| membership.member.user).collect();
    assert_eq!(found, [id(1), id(3), id(4)]);
}

#[tokio::test]
async fn invitations_to_an_address_are_deleted_in_any_letter_case() {
    let folder = Folder::new();
    let store = folder.open();
    let invitation = |number, email: Option<&str>| Invitation {
        id: id(number),
        company: id(1),
        role: MemberRole::Manager,
        email: email.map(Email::new),
        language: Language::Ko,
        invited_by: id(1),
        created_at: START,
        expires_at: at(1),
    };
    let all = [
        invitation(1, Some("Jane@example.com")),
        invitation(2, Some("john@example.com")),
        invitation(3, None),
        invitation(4, None),
    ];
    put(&store, all.clone().map(RowChange::PutInvitation).into()).await;
    for invitation in &all {
        let found = Invitations::find(&store, invitation.id).await.expect("read");
        assert_eq!(found.as_ref(), Some(invitation));
    }
    let jane = Email::new("jane@EXAMPLE.com");
    put(&store, vec![RowChange::DeleteInvitationsTo(jane), RowChange::DeleteInvitation(id(4))]).await;
    let mut left = Vec::new();
    for invitation in all {
        left.extend(Invitations::find(&store, invitation.id).await.expect("read").map(|found| found.id));
    }
    assert_eq!(left, [id(2), id(3)]);
}

/// An erasure shreds a key, and with it goes all that was deleted beside it.
#[tokio::test]
async fn what_an_erasure_deletes_is_gone_from_the_disk() {
    const TRACE: &[u8] = b"a-trace-of-somebody";
    let text = std::str::from_utf8(TRACE).expect("plain text");
    let folder = Folder::new();
    let store = folder.open();
    let is_on_disk =
        || folder.content().iter().any(|(_, bytes)| bytes.windows(TRACE.len()).any(|part| part == TRACE));
    let email = Email::new(format!("{text}@example.com"));
    let mut person = user(1);
    person.profile.email = email.clone();
    person.profile.name = PersonName::new(text);
    let origin = Origin::new(None, Some(text));
    let invitation = Invitation {
        id: id(1),
        company: id(1),
        role: MemberRole::Member,
        email: Some(email.clone()),
        language: Language::En,
        invited_by: id(1),
        created_at: START,
        expires_at: START,
    };
    put(
        &store,
        vec![
            RowChange::PutUser(Box::new(person)),
            RowChange::PutInvitation(invitation),
            RowChange::PutLoginAttempt(LoginAttempt { origin, ..attempt(1, 1, 1) }),
        ],
    )
    .await;
    assert!(is_on_disk());
    let rows = vec![
        RowChange::DeleteLoginAttemptsOf(id(1)),
        RowChange::DeleteInvitationsTo(email),
        RowChange::DeleteUser(id(1)),
    ];
    store.commit(Commit { rows, shred: vec![id(1)], ..Commit::default() }).await.expect("kept");
    assert!(!is_on_disk(), "neither in the file nor in the log beside it");
}
