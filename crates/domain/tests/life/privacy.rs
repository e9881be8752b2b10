//! A person's copy of what is held on them, and their erasure.

use std::sync::Arc;

use portcullis_domain::{
    audit::{Evidence, verify_log},
    caller::{Caller, Origin, Role},
    commit::{Append, Claim, ClaimKey, Commit, Expected, RowChange},
    company::{Company, CompanyCreated, CompanyEvent, Departure, Member, MemberRole, MemberStatus},
    event::{Actor, EventType, NewEvent, StreamKind},
    id::{CompanyId, LoginAttemptId, OneTimeCodeId, SessionId, UserId},
    port::{
        Accesses, Clock, Companies, Credentials, EventStore, LoginHistory, Members, OneTimeCodes, Sessions,
        SubjectKeys, Users,
    },
    privacy::{EraseError, EraseSelfError, EraseUserError, ExportedEvent},
    seal::DataKey,
    session::{AuthenticateError, LoginAttempt, LoginFailure, RefreshError, SignInError},
    testing::SeededEntropy,
    user::{Patch, ProfileUpdate, UpdateProfileError, UserEvent},
    value::{CompanyName, Email, Password, ShortText, Username},
    verification::{OneTimeCode, Purpose},
};
use uuid::Uuid;

use crate::{
    meeting::meeting_of,
    world::{PASSWORD, World},
};

const JANE: &str = "jane@example.com";

#[expect(clippy::unnecessary_wraps, reason = "as erasure takes it")]
fn password(text: &str) -> Option<Password> {
    Some(Password::new(text))
}

fn region(text: &str) -> ProfileUpdate {
    ProfileUpdate { region: Patch::Set(text.to_owned()), ..ProfileUpdate::default() }
}

fn attempt(world: &World, number: u128, user: UserId) -> LoginAttempt {
    LoginAttempt {
        id: LoginAttemptId::new(Uuid::from_u128(number)),
        user,
        at: world.clock.now(),
        origin: world.origin.clone(),
        failure: Some(LoginFailure::InvalidPassword),
    }
}

/// Everything of a person that a store can still be asked for, by a name for each.
async fn left(world: &World, id: UserId) -> Vec<&'static str> {
    let memory = world.memory.as_ref();
    let (email, username) = (Email::new(JANE), Username::new("jane"));
    let mut left = Vec::new();
    let mut note = |is_left: bool, name| left.extend(is_left.then_some(name));
    note(Users::find(memory, id).await.expect("reads").is_some(), "account");
    note(memory.find_by_email(&email).await.expect("reads").is_some(), "address");
    note(memory.find_by_username(&username).await.expect("reads").is_some(), "username");
    note(Credentials::find(memory, id).await.expect("reads").is_some(), "password");
    note(!Sessions::list_by_user(memory, id).await.expect("reads").is_empty(), "sessions");
    for purpose in [Purpose::VerifyEmail, Purpose::ResetPassword] {
        note(OneTimeCodes::find(memory, id, purpose).await.expect("reads").is_some(), "codes");
    }
    note(!LoginHistory::list_by_user(memory, id, None, 1).await.expect("reads").is_empty(), "history");
    note(!memory.list_by_stream(id.into(), None, 1).await.expect("reads").is_empty(), "looks");
    note(Members::find(memory, id).await.expect("reads").is_some(), "membership");
    note(SubjectKeys::find(memory, id.into()).await.expect("reads").is_some(), "key");
    left
}

#[tokio::test]
async fn after_an_erasure_nothing_of_the_person_is_found_and_the_log_is_whole() {
    let world = World::open();
    let admin = world.official("admin@example.com", Role::Admin).await;
    let (tokens, jane) = world.signed_in().await;
    let (identity, origin) = (&world.identity, &world.origin);
    identity.update_profile(&jane, &region("Seoul"), origin).await.expect("updates");
    identity.get_user(&admin, jane.user).await.expect("shows");
    world.memory.record(vec![attempt(&world, 1, jane.user)]).await.expect("recorded");
    let code = |purpose| OneTimeCode {
        id: OneTimeCodeId::new(Uuid::from_u128(purpose as u128 + 1)),
        user: jane.user,
        purpose,
        attempts: 0,
        expires_at: world.clock.now(),
    };
    let codes = [Purpose::VerifyEmail, Purpose::ResetPassword]
        .map(|purpose| RowChange::PutOneTimeCode(code(purpose)));
    let asked = Commit { rows: codes.to_vec(), ..Commit::default() };
    world.memory.commit(asked).await.expect("commits");
    let everything = [
        "account", "address", "username", "password", "sessions", "codes", "codes", "history", "looks", "key",
    ];
    assert_eq!(left(&world, jane.user).await, everything, "what is looked for would be found");

    identity.erase_self(&jane, password(PASSWORD).as_ref(), origin).await.expect("erases");
    assert_eq!(left(&world, jane.user).await, [""; 0]);
    let dead = identity.authenticate(&tokens.access).await;
    assert!(matches!(dead, Err(AuthenticateError::TokenInvalid)));
    assert!(matches!(world.refresh(&tokens.refresh).await, Err(RefreshError::SessionExpired)));
    assert!(matches!(world.sign_in(JANE, PASSWORD).await, Err(SignInError::InvalidCredentials)));

    let history = world.history(jane.user).await;
    assert_eq!(history.last().expect("events").event.event_type.as_str(), "user.deleted");
    for event in &history {
        let sealed = event.event.personal.as_ref().expect("sealed").as_bytes();
        for personal in ["jane", "Jane", "Seoul", "203.0.113.7", "curl"] {
            assert!(!event.event.data.as_str().contains(personal), "{event:?}");
            assert!(!sealed.windows(personal.len()).any(|part| part == personal.as_bytes()));
        }
        let key = identity.data_key(jane.user.into()).await.expect("reads");
        assert_eq!(event.event.open_origin(key.as_ref(), None).expect("reads"), None);
        let read = UserEvent::read(&event.event, key.as_ref()).expect("reads");
        assert_eq!(read.personal(), None, "{read:?}");
    }
    let report = verify_log(world.memory.as_ref(), Evidence::default()).await.expect("intact");
    assert_eq!(report.events, world.log().await.len() as u64);
}

#[tokio::test]
async fn an_erased_persons_address_and_username_are_free_for_somebody_else() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    world.identity.erase_self(&jane, password(PASSWORD).as_ref(), &world.origin).await.expect("erases");
    let other = world.register(JANE, Some("jane")).await.expect("registers");
    assert_ne!(other.id, jane.user);
    let tokens = world.sign_in(JANE, PASSWORD).await.expect("signs in");
    assert_eq!(world.identity.authenticate(&tokens.access).await.expect("authenticates").user, other.id);
    // What the erased person still holds is of no account.
    let again = world.identity.erase_self(&jane, password(PASSWORD).as_ref(), &world.origin).await;
    assert!(matches!(again, Err(EraseSelfError::Erase(EraseError::NotFound))));
    assert!(Users::find(world.memory.as_ref(), other.id).await.expect("reads").is_some());
}

#[tokio::test]
async fn ones_own_erasure_needs_the_password_again() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    for wrong in [None, password("Wr0ng-light"), password(""), password(&PASSWORD.repeat(100))] {
        let refused = world.identity.erase_self(&jane, wrong.as_ref(), &world.origin).await;
        assert!(matches!(refused, Err(EraseSelfError::ReauthenticationRequired)), "{wrong:?}");
    }
    world.sign_in(JANE, PASSWORD).await.expect("is there still");
}

#[tokio::test]
async fn others_are_erased_by_whoever_may_and_oneself_never_without_the_password() {
    let world = World::open();
    let admin = world.official("admin@example.com", Role::Admin).await;
    let moderator = world.official("moderator@example.com", Role::Moderator).await;
    let (_, jane) = world.signed_in().await;
    let (identity, origin) = (&world.identity, &world.origin);
    for caller in [&moderator, &jane] {
        let refused = identity.erase_user(caller, admin.user, origin).await;
        assert!(matches!(refused, Err(EraseUserError::Denied(_))));
    }
    let refused = identity.erase_user(&admin, admin.user, origin).await;
    assert!(matches!(refused, Err(EraseUserError::ReauthenticationRequired)));
    identity.erase_user(&admin, jane.user, origin).await.expect("erases");
    assert_eq!(left(&world, jane.user).await, [""; 0]);
    let deleted = world.history(jane.user).await.pop().expect("events");
    assert_eq!((deleted.event.event_type.as_str(), deleted.event.actor), ("user.deleted", admin.actor()));
    let again = identity.erase_user(&admin, jane.user, origin).await;
    assert!(matches!(again, Err(EraseUserError::Erase(EraseError::NotFound))));
}

#[tokio::test]
async fn where_an_erased_administrator_was_is_gone_from_the_streams_of_others_and_who_it_was_is_not() {
    let world = World::open();
    world.official("other.admin@example.com", Role::Admin).await;
    let admin = world.official("admin@example.com", Role::Admin).await;
    let (_, jane) = world.signed_in().await;
    let (identity, origin) = (&world.identity, &world.origin);
    identity.change_role(&admin, jane.user, Role::Moderator, origin).await.expect("changes");
    let where_they_were = async || {
        let event = world.history(jane.user).await.pop().expect("events").event;
        assert_eq!(event.actor, admin.actor());
        let hers = identity.data_key(jane.user.into()).await.expect("reads").expect("hers");
        let theirs = identity.data_key(admin.user.into()).await.expect("reads");
        event.open_origin(Some(&hers), theirs.as_ref()).expect("reads")
    };
    assert_eq!(where_they_were().await.as_ref(), Some(origin));
    identity.erase_self(&admin, password(PASSWORD).as_ref(), origin).await.expect("erases");
    assert_eq!(where_they_were().await, None);
}

#[tokio::test]
async fn the_last_administrator_cannot_be_erased() {
    let world = World::open();
    let admin = world.official("admin@example.com", Role::Admin).await;
    let (identity, origin) = (&world.identity, &world.origin);
    let refused = identity.erase_self(&admin, password(PASSWORD).as_ref(), origin).await;
    assert!(matches!(refused, Err(EraseSelfError::Erase(EraseError::LastAdmin(_)))));
    let other = world.official("other@example.com", Role::Admin).await;
    identity.erase_user(&other, admin.user, origin).await.expect("there is another one");
    let refused = identity.erase_self(&other, password(PASSWORD).as_ref(), origin).await;
    assert!(matches!(refused, Err(EraseSelfError::Erase(EraseError::LastAdmin(_)))));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_administrators_who_go_at_once_one_stays() {
    for _ in 0..20 {
        let (world, meeting) = meeting_of(World::trusting(), 2);
        let admins = [
            world.official("admin@example.com", Role::Admin).await,
            world.official("other@example.com", Role::Admin).await,
        ];
        meeting.expect(2);
        let erased = at_once(admins.map(|admin| {
            let world = Arc::clone(&world);
            async move {
                let password = Password::new(PASSWORD);
                world.identity.erase_self(&admin, Some(&password), &world.origin).await
            }
        }))
        .await;
        let stayed = erased
            .iter()
            .filter(|done| matches!(done, Err(EraseSelfError::Erase(EraseError::LastAdmin(_)))))
            .count();
        assert_eq!((erased.iter().filter(|done| done.is_ok()).count(), stayed), (1, 1), "{erased:?}");
    }
}

async fn at_once<T: Send + 'static>(
    works: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let works: Vec<_> = works.into_iter().map(tokio::spawn).collect();
    let mut done = Vec::new();
    for work in works {
        done.push(work.await.expect("does not panic"));
    }
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn of_erasures_at_once_one_erases_and_the_others_find_nobody() {
    for _ in 0..20 {
        let (world, meeting) = meeting_of(World::trusting(), 2);
        let admin = world.official("admin@example.com", Role::Admin).await;
        let (_, jane) = world.signed_in().await;
        meeting.expect(2);
        let own = {
            let (world, jane) = (Arc::clone(&world), jane.clone());
            tokio::spawn(async move {
                let password = Password::new(PASSWORD);
                world.identity.erase_self(&jane, Some(&password), &world.origin).await
            })
        };
        let by_admin = world.identity.erase_user(&admin, jane.user, &world.origin).await;
        let own = own.await.expect("does not panic");
        assert!(
            matches!(
                (&own, &by_admin),
                (Ok(()), Err(EraseUserError::Erase(EraseError::NotFound)))
                    | (Err(EraseSelfError::Erase(EraseError::NotFound)), Ok(()))
            ),
            "{own:?} {by_admin:?}"
        );
        let history = world.history(jane.user).await;
        let deleted = history.iter().filter(|event| event.event.event_type.as_str() == "user.deleted");
        assert_eq!(deleted.count(), 1);
    }
}

/// What may race with an erasure. Each says whether it was done, and panics where it failed in any way but that nobody is there.
#[derive(Clone, Copy, Debug)]
enum Rival {
    SignIn,
    Update,
    ChangeRole,
    Deactivate,
}

async fn rival(world: &World, rival: Rival, admin: &Caller, jane: &Caller) -> bool {
    let (identity, origin) = (&world.identity, &world.origin);
    match rival {
        Rival::SignIn => {
            let done = world.sign_in(JANE, PASSWORD).await;
            done.map_err(|error| assert!(matches!(error, SignInError::InvalidCredentials), "{error}")).is_ok()
        }
        Rival::Update => {
            let done = identity.update_profile(jane, &region("Busan"), origin).await;
            done.map_err(|error| assert!(matches!(error, UpdateProfileError::NotFound), "{error}")).is_ok()
        }
        Rival::ChangeRole => {
            let done = identity.change_role(admin, jane.user, Role::Moderator, origin).await;
            done.map_err(|error| assert_eq!(error.to_string(), "no such user")).is_ok()
        }
        Rival::Deactivate => {
            let done = identity.deactivate(admin, jane.user, origin).await;
            done.map_err(|error| assert_eq!(error.to_string(), "no such user")).is_ok()
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_races_with_an_erasure_came_before_it_or_finds_nobody() {
    for race in [Rival::SignIn, Rival::Update, Rival::ChangeRole, Rival::Deactivate] {
        for _ in 0..10 {
            let (world, meeting) = meeting_of(World::trusting(), 2);
            let admin = world.official("admin@example.com", Role::Admin).await;
            let (_, jane) = world.signed_in().await;
            let before = world.history(jane.user).await.len();
            meeting.expect(2);
            let erasing = {
                let (world, jane) = (Arc::clone(&world), jane.clone());
                tokio::spawn(async move {
                    let password = Password::new(PASSWORD);
                    world.identity.erase_self(&jane, Some(&password), &world.origin).await
                })
            };
            let was_done = rival(&world, race, &admin, &jane).await;
            erasing.await.expect("does not panic").expect("erases");
            assert_eq!(left(&world, jane.user).await, [""; 0], "{race:?}");
            let history = world.history(jane.user).await;
            assert_eq!(history.len(), before + 1 + usize::from(was_done), "{race:?}");
            assert_eq!(history.last().expect("events").event.event_type.as_str(), "user.deleted");
            verify_log(world.memory.as_ref(), Evidence::default()).await.expect("intact");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_races_with_an_erasure_leaves_no_session() {
    for _ in 0..20 {
        let world = Arc::new(World::open());
        let (tokens, jane) = world.signed_in().await;
        let refreshing = {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.refresh(&tokens.refresh).await })
        };
        let erased = world.identity.erase_self(&jane, password(PASSWORD).as_ref(), &world.origin).await;
        erased.expect("erases");
        match refreshing.await.expect("does not panic") {
            Ok(tokens) => {
                let dead = world.identity.authenticate(&tokens.access).await;
                assert!(matches!(dead, Err(AuthenticateError::TokenInvalid)));
            }
            Err(error) => assert!(matches!(error, RefreshError::SessionExpired), "{error}"),
        }
        assert_eq!(left(&world, jane.user).await, [""; 0]);
    }
}

/// A company of these members, by the hand of the service.
async fn company_of(world: &World, members: &[(UserId, MemberRole)]) -> CompanyId {
    let id = CompanyId::new(Uuid::from_u128(77));
    let (now, entropy) = (world.clock.now(), SeededEntropy::new(77));
    let number = ShortText::new("123-45-67890");
    let created = CompanyEvent::Created(CompanyCreated {
        company_id: id,
        name: CompanyName::new("Acme"),
        business_number: Some(number.clone()),
        industry: None,
        region: None,
    });
    let company = Company::apply(None, &created, now).expect("a company");
    let master_key = &world.identity.ports().master_key;
    let key = master_key.wrap(id.into(), &DataKey::generate(&entropy), &entropy);
    let member = |&(user, role): &(UserId, MemberRole)| {
        let status = MemberStatus::Active;
        RowChange::PutMember(Member { user, company: id, role, status, joined_at: now })
    };
    let rows = [RowChange::PutSubjectKey(key), RowChange::PutCompany(Box::new(company))];
    let event = NewEvent {
        id: Uuid::from_u128(78).into(),
        event_type: EventType::new(created.event_type()),
        schema_version: created.schema_version(),
        actor: Actor::System,
        data: created.data(),
        personal: None,
        recorded_at: now,
    };
    let append =
        Append { stream: id.into(), kind: StreamKind::Company, expected: Expected::New, events: vec![event] };
    let commit = Commit {
        appends: vec![append],
        claims: vec![Claim::Take { key: ClaimKey::business_number(&number), owner: id.into() }],
        rows: rows.into_iter().chain(members.iter().map(member)).collect(),
        ..Commit::default()
    };
    world.memory.commit(commit).await.expect("commits");
    id
}

/// What happened to a company, but for its beginning.
async fn company_events(world: &World, id: CompanyId) -> Vec<CompanyEvent> {
    let events = world.memory.read_stream(id.into(), 1, 100).await.expect("reads");
    events.iter().map(|event| CompanyEvent::read(&event.event).expect("reads")).collect()
}

#[tokio::test]
async fn the_last_owner_of_a_company_with_other_members_cannot_be_erased() {
    let world = World::open();
    let admin = world.official("admin@example.com", Role::Admin).await;
    let (_, jane) = world.signed_in().await;
    let member = world.register("member@example.com", None).await.expect("registers").id;
    let roles = [(jane.user, MemberRole::Owner), (member, MemberRole::Member)];
    let company = company_of(&world, &roles).await;
    let (identity, origin) = (&world.identity, &world.origin);
    let refused = identity.erase_self(&jane, password(PASSWORD).as_ref(), origin).await;
    assert!(matches!(refused, Err(EraseSelfError::Erase(EraseError::LastOwner))), "{refused:?}");
    let refused = identity.erase_user(&admin, jane.user, origin).await;
    assert!(matches!(refused, Err(EraseUserError::Erase(EraseError::LastOwner))), "{refused:?}");

    identity.erase_user(&admin, member, origin).await.expect("a member may go");
    let reason = Departure::Erased;
    let gone = CompanyEvent::MemberRemoved { user_id: member, reason };
    assert_eq!(company_events(&world, company).await, [gone]);
    let company = Companies::find(world.memory.as_ref(), company).await.expect("reads").expect("is there");
    assert!(company.is_active);
}

#[tokio::test]
async fn a_company_is_closed_with_the_erasure_of_its_last_member_and_its_number_is_free() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    let id = company_of(&world, &[(jane.user, MemberRole::Owner)]).await;
    // A stranger who asks to be let in keeps nobody from leaving.
    let stranger = world.register("stranger@example.com", None).await.expect("registers").id;
    let (role, status) = (MemberRole::Member, MemberStatus::Pending);
    let asking = Member { user: stranger, company: id, role, status, joined_at: world.clock.now() };
    let asks = Commit { rows: vec![RowChange::PutMember(asking)], ..Commit::default() };
    world.memory.commit(asks).await.expect("commits");
    let (identity, origin) = (&world.identity, &world.origin);
    identity.erase_self(&jane, password(PASSWORD).as_ref(), origin).await.expect("erases");
    let gone = CompanyEvent::MemberRemoved { user_id: jane.user, reason: Departure::Erased };
    assert_eq!(company_events(&world, id).await, [gone, CompanyEvent::Closed]);
    let company = Companies::find(world.memory.as_ref(), id).await.expect("reads").expect("is there");
    assert!(!company.is_active);
    let key = ClaimKey::business_number(&company.business_number.expect("kept"));
    let take = Claim::Take { key, owner: Uuid::from_u128(5) };
    let commit = Commit { claims: vec![take], ..Commit::default() };
    world.memory.commit(commit).await.expect("the number is free");
    verify_log(world.memory.as_ref(), Evidence::default()).await.expect("intact");
}

/// All of a person's events, as their copy has them.
async fn exported_events(world: &World, caller: &Caller) -> Vec<ExportedEvent> {
    let mut events: Vec<ExportedEvent> = Vec::new();
    loop {
        let after = events.last().map_or(0, |last| last.event.version);
        let page = world.identity.export_events(caller, after).await.expect("exports");
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

#[tokio::test]
async fn a_copy_holds_everything_on_the_person_and_nothing_on_others() {
    let world = World::open();
    let admin = world.official("admin@example.com", Role::Admin).await;
    let (_, jane) = world.signed_in().await;
    let other = world.register("other@example.com", None).await.expect("registers").id;
    let identity = &world.identity;
    let elsewhere = Origin::new(Some("198.51.100.9".parse().expect("an address")), Some("admin/1"));
    identity.change_role(&admin, jane.user, Role::Moderator, &elsewhere).await.expect("changes");
    identity.get_user(&admin, jane.user).await.expect("shows");
    identity.get_user(&admin, other).await.expect("shows");
    let attempts = [attempt(&world, 1, jane.user), attempt(&world, 2, other)];
    world.memory.record(attempts.to_vec()).await.expect("recorded");

    let export = identity.export(&jane).await.expect("exports");
    assert_eq!(export.user.profile.email.as_str(), JANE);
    assert_eq!(export.membership, None);
    let sessions: Vec<SessionId> = export.sessions.iter().map(|session| session.id).collect();
    assert_eq!(sessions, [jane.session]);
    assert!(export.login_history.contains(&attempts[0]) && !export.login_history.contains(&attempts[1]));
    assert!(!export.accesses.is_empty());
    assert!(export.accesses.iter().all(|access| access.stream == jane.user.into()));

    let events = exported_events(&world, &jane).await;
    let history = world.history(jane.user).await;
    assert!(events.iter().map(|exported| &exported.event).eq(&history));
    let created = events.first().expect("events");
    assert_eq!(created.facts.as_ref().expect("facts")["email"], JANE);
    assert_eq!(created.origin.as_ref(), Some(&world.origin));
    let changed = events.last().expect("events");
    assert_eq!(changed.event.event.actor, admin.actor());
    assert_eq!(changed.origin, None, "where the administrator was is theirs");
}

#[tokio::test]
async fn a_copy_of_a_long_history_is_whole() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    for number in 0..1_100 {
        let update = region(if number % 2 == 0 { "Seoul" } else { "Busan" });
        world.identity.update_profile(&jane, &update, &world.origin).await.expect("updates");
        let attempt = attempt(&world, number + 1, jane.user);
        world.memory.record(vec![attempt]).await.expect("recorded");
    }
    let events = exported_events(&world, &jane).await;
    let versions: Vec<_> = events.iter().map(|exported| exported.event.version).collect();
    assert_eq!(versions, (1..=events.len() as u64).collect::<Vec<_>>());
    assert!(events.len() > 1_100);
    let export = world.identity.export(&jane).await.expect("exports");
    let failed = export.login_history.iter().filter(|attempt| attempt.failure.is_some()).count();
    assert_eq!(failed, 1_100);
}
