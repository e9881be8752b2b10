//! What administrators do, and what is recorded of it.

use std::sync::Arc;

use portcullis_domain::{
    administration::{
        ChangeRoleError, CreateUser, CreateUserError, DeactivateError, GetUserError, ListUsers,
        ListUsersError, UpdateUserError,
    },
    audit::{Access, Accessed},
    caller::{Caller, Permission, Role},
    event::Actor,
    id::{StreamId, UserId},
    port::{Accesses, Users},
    session::{AuthenticateError, SignInError},
    user::{Account, Patch, ProfileUpdate, RegisterError, UpdateProfileError, User},
};

use crate::{
    meeting::meeting_of,
    world::{PASSWORD, World, input},
};

const JANE: &str = "jane@example.com";

/// A world with an administrator and a person whom they look after.
async fn staffed() -> (World, Caller, UserId) {
    let world = World::open();
    let admin = world.official("admin@example.com", Role::Admin).await;
    let jane = world.register(JANE, Some("jane")).await.expect("registers").id;
    (world, admin, jane)
}

async fn accesses(world: &World, stream: impl Into<StreamId>) -> Vec<(Actor, Accessed)> {
    let accesses = world.memory.list_by_stream(stream.into(), None, 100).await.expect("reads");
    accesses.into_iter().map(|Access { actor, what, .. }| (actor, what)).collect()
}

/// What happened to an account by somebody else's hand, and by whose.
async fn acts_on(world: &World, user: UserId) -> Vec<(String, Actor)> {
    let events = world.history(user).await.into_iter();
    let of_others = events.filter(|event| event.event.actor != Actor::User(user.into()));
    of_others.map(|event| (event.event.event_type.to_string(), event.event.actor)).collect()
}

async fn user(world: &World, id: UserId) -> User {
    Users::find(world.memory.as_ref(), id).await.expect("reads").expect("is there")
}

fn by(admin: &Caller, names: &[&str]) -> Vec<(String, Actor)> {
    names.iter().map(|name| ((*name).to_owned(), admin.actor())).collect()
}

#[tokio::test]
async fn every_administrative_act_is_an_event_with_its_actor() {
    let (world, admin, jane) = staffed().await;
    let (identity, origin) = (&world.identity, &world.origin);
    let update = ProfileUpdate { region: Patch::Set("Seoul".to_owned()), ..ProfileUpdate::default() };
    let updated = identity.update_user(&admin, jane, &update, origin).await.expect("updates");
    assert_eq!(updated.user.profile.region.expect("set").as_str(), "Seoul");
    world.sign_in(JANE, PASSWORD).await.expect("signs in");
    identity.revoke_sessions_of(&admin, jane, origin).await.expect("ends");
    identity.change_role(&admin, jane, Role::Moderator, origin).await.expect("changes");
    assert!(!identity.deactivate(&admin, jane, origin).await.expect("deactivates").user.is_active);
    assert!(identity.activate(&admin, jane, origin).await.expect("activates").user.is_active);
    assert_eq!(identity.unlock(&admin, jane, origin).await.expect("unlocks").user.unlocks, 1);
    let expected = [
        "user.updated",
        "user.session_revoked",
        "user.role_changed",
        "user.deactivated",
        "user.activated",
        "user.unlocked",
    ];
    assert_eq!(acts_on(&world, jane).await, by(&admin, &expected));
    assert_eq!(user(&world, jane).await.role, Role::Moderator);
}

#[tokio::test]
async fn what_is_so_already_is_no_second_event() {
    let (world, admin, jane) = staffed().await;
    let (identity, origin) = (&world.identity, &world.origin);
    for _ in 0..2 {
        identity.activate(&admin, jane, origin).await.expect("is active");
        identity.change_role(&admin, jane, Role::User, origin).await.expect("is a user");
        identity.revoke_sessions_of(&admin, jane, origin).await.expect("has no session");
        identity.update_user(&admin, jane, &ProfileUpdate::default(), origin).await.expect("changes nothing");
    }
    assert_eq!(acts_on(&world, jane).await, []);
    for _ in 0..2 {
        identity.deactivate(&admin, jane, origin).await.expect("deactivates");
    }
    assert_eq!(acts_on(&world, jane).await, by(&admin, &["user.deactivated"]));
}

#[tokio::test]
async fn every_look_at_anothers_data_is_recorded_and_none_at_ones_own() {
    let (world, admin, jane) = staffed().await;
    let (identity, origin) = (&world.identity, &world.origin);
    identity.get_user(&admin, jane).await.expect("shows");
    identity.list_sessions_of(&admin, jane).await.expect("shows");
    let everybody = ListUsers { limit: 10, ..ListUsers::default() };
    let page = identity.list_users(&admin, &everybody).await.expect("lists");
    assert_eq!(page.accounts.len(), 2);
    identity.update_user(&admin, jane, &ProfileUpdate::default(), origin).await.expect("changes nothing");
    let update = ProfileUpdate { region: Patch::Set("Seoul".to_owned()), ..ProfileUpdate::default() };
    identity.update_user(&admin, jane, &update, origin).await.expect("updates");
    identity.activate(&admin, jane, origin).await.expect("shows");
    identity.unlock(&admin, jane, origin).await.expect("unlocks");
    // Shows nothing of her.
    identity.revoke_sessions_of(&admin, jane, origin).await.expect("ends");
    let mut noted = accesses(&world, jane).await;
    assert!(noted.iter().all(|(actor, _)| *actor == admin.actor()));
    noted.sort_by_key(|(_, what)| what.as_str());
    let noted: Vec<_> = noted.into_iter().map(|(_, what)| what).collect();
    let profiles = [Accessed::Profile; 5];
    assert_eq!(noted, [&[Accessed::Listing][..], &profiles, &[Accessed::Sessions]].concat());

    identity.get_user(&admin, admin.user).await.expect("shows");
    identity.list_sessions_of(&admin, admin.user).await.expect("shows");
    identity.update_user(&admin, admin.user, &update, origin).await.expect("updates");
    assert_eq!(accesses(&world, admin.user).await, []);
    // Nor is anything recorded of what was not shown.
    let nobody = UserId::new(uuid::Uuid::from_u128(7));
    assert!(matches!(identity.get_user(&admin, nobody).await, Err(GetUserError::NotFound)));
    assert_eq!(accesses(&world, nobody).await, []);
}

#[tokio::test]
async fn a_list_records_those_whom_its_page_shows_and_goes_on_after_them() {
    let (world, admin, _) = staffed().await;
    let mut all = Vec::new();
    let mut asked = ListUsers { limit: 1, role: Some(Role::User), ..ListUsers::default() };
    world.register("joe@example.com", None).await.expect("registers");
    asked.prefix = Some("J".to_owned());
    loop {
        let page = world.identity.list_users(&admin, &asked).await.expect("lists");
        for shown in &page.accounts {
            assert_eq!(accesses(&world, shown.user.id).await, [(admin.actor(), Accessed::Listing)]);
        }
        all.extend(page.accounts.iter().map(|account| account.user.profile.email.as_str().to_owned()));
        asked.after = page.next;
        if asked.after.is_none() {
            break;
        }
    }
    assert_eq!(
        all,
        ["jane@example.com", "joe@example.com"],
        "the lesser of the names they are found by first"
    );
}

#[tokio::test]
async fn nobody_does_what_their_role_does_not_allow_and_nothing_of_it_is_recorded() {
    let (world, admin, jane) = staffed().await;
    let moderator = world.official("moderator@example.com", Role::Moderator).await;
    let person = world.caller(JANE).await;
    let before = world.log().await.len();
    let (identity, origin) = (&world.identity, &world.origin);
    let everybody = ListUsers { limit: 10, ..ListUsers::default() };
    let denied = |outcome: Result<Account, _>| matches!(outcome, Err(UpdateUserError::Denied(_)));
    assert!(matches!(identity.list_users(&person, &everybody).await, Err(ListUsersError::Denied(_))));
    assert!(matches!(identity.get_user(&person, admin.user).await, Err(GetUserError::Denied(_))));
    assert!(identity.list_sessions_of(&person, admin.user).await.is_err());
    assert!(denied(identity.update_user(&moderator, jane, &ProfileUpdate::default(), origin).await));
    for caller in [&person, &moderator] {
        assert!(identity.change_role(caller, caller.user, Role::Admin, origin).await.is_err());
        assert!(identity.deactivate(caller, admin.user, origin).await.is_err());
        assert!(identity.activate(caller, admin.user, origin).await.is_err());
        assert!(identity.unlock(caller, admin.user, origin).await.is_err());
        assert!(identity.revoke_sessions_of(caller, admin.user, origin).await.is_err());
        let command = CreateUser::parse(input("new@example.com", None), Role::User, true).expect("valid");
        let refused = identity.create_user(caller, command, origin).await;
        assert!(
            matches!(refused, Err(CreateUserError::Denied(denied)) if denied.required == Permission::UserCreate)
        );
    }
    assert_eq!(world.log().await.len(), before);
    assert_eq!(accesses(&world, admin.user).await, []);
    identity.get_user(&moderator, jane).await.expect("moderators see all accounts");
}

#[tokio::test]
async fn an_administrator_makes_accounts_of_any_role() {
    let (world, admin, _) = staffed().await;
    let create = async |email: &str, role, is_verified| {
        let command = CreateUser::parse(input(email, None), role, is_verified).expect("valid");
        world.identity.create_user(&admin, command, &world.origin).await
    };
    let made = create("new@example.com", Role::Moderator, true).await.expect("makes");
    assert_eq!((made.user.role, made.user.is_verified, made.user.is_active), (Role::Moderator, true, true));
    assert_eq!(acts_on(&world, made.user.id).await, by(&admin, &["user.created"]));
    world.sign_in("new@example.com", PASSWORD).await.expect("signs in");
    let taken = create(JANE, Role::User, false).await;
    assert!(matches!(taken, Err(CreateUserError::Register(RegisterError::EmailTaken))));
}

#[tokio::test]
async fn the_last_active_admin_can_neither_lose_the_role_nor_be_deactivated() {
    let (world, admin, jane) = staffed().await;
    let (identity, origin) = (&world.identity, &world.origin);
    let demote = async |id| identity.change_role(&admin, id, Role::User, origin).await;
    let last = async || {
        let demoted = demote(admin.user).await;
        let deactivated = identity.deactivate(&admin, admin.user, origin).await;
        matches!(demoted, Err(ChangeRoleError::LastAdmin(_)))
            && matches!(deactivated, Err(DeactivateError::LastAdmin(_)))
    };
    assert!(last().await);
    // One who may not sign in is nobody to rely on.
    identity.change_role(&admin, jane, Role::Admin, origin).await.expect("promotes");
    identity.deactivate(&admin, jane, origin).await.expect("deactivates");
    assert!(last().await);
    demote(jane).await.expect("was no active one");
    identity.change_role(&admin, jane, Role::Admin, origin).await.expect("promotes");
    identity.activate(&admin, jane, origin).await.expect("activates");
    demote(admin.user).await.expect("another one is there");
    let jane = world.caller(JANE).await;
    assert!(jane.require(Permission::UserUpdateRole).is_ok());
}

/// Active administrators.
async fn active_admins(world: &World) -> usize {
    let mut count = 0;
    for email in ["admin@example.com", "second@example.com"] {
        count += usize::from(user(world, world.id_of(email).await).await.is_active_admin());
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_admins_who_take_each_other_away_at_once_one_stays() {
    for demotes in [true, false] {
        let (world, meeting) = meeting_of(World::trusting(), 2);
        let first = world.official("admin@example.com", Role::Admin).await;
        let second = world.official("second@example.com", Role::Admin).await;
        let act = |caller: Caller, on: UserId| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                if demotes {
                    let done = world.identity.change_role(&caller, on, Role::User, &world.origin).await;
                    done.map_err(|error| assert!(matches!(error, ChangeRoleError::LastAdmin(_)), "{error}"))
                } else {
                    let done = world.identity.deactivate(&caller, on, &world.origin).await;
                    done.map_err(|error| assert!(matches!(error, DeactivateError::LastAdmin(_)), "{error}"))
                }
            })
        };
        meeting.expect(2);
        let both = [act(first.clone(), second.user), act(second, first.user)];
        let mut done = 0;
        for task in both {
            done += usize::from(task.await.expect("does not panic").is_ok());
        }
        assert_eq!((done, active_admins(&world).await), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_survives_a_deactivation_that_sign_ins_race() {
    let (mut signed_in, mut refused) = (0, 0);
    for _ in 0..20 {
        let (world, meeting) = meeting_of(World::trusting(), 5);
        let admin = world.official("admin@example.com", Role::Admin).await;
        let jane = world.register(JANE, None).await.expect("registers").id;
        meeting.expect(5);
        let sign_ins = (0..4).map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.sign_in(JANE, PASSWORD).await })
        });
        let sign_ins: Vec<_> = sign_ins.collect();
        world.identity.deactivate(&admin, jane, &world.origin).await.expect("deactivates");
        for sign_in in sign_ins {
            match sign_in.await.expect("does not panic") {
                Ok(tokens) => {
                    signed_in += 1;
                    let dead = world.identity.authenticate(&tokens.access).await;
                    assert!(matches!(dead, Err(AuthenticateError::TokenInvalid)));
                }
                Err(error) => {
                    refused += 1;
                    assert!(matches!(error, SignInError::AccountDisabled), "{error}");
                }
            }
        }
        assert!(world.identity.list_sessions_of(&admin, jane).await.expect("reads").is_empty());
        let last = world.history(jane).await.pop().expect("events");
        assert_eq!(last.event.event_type.as_str(), "user.deactivated");
    }
    assert!(signed_in > 0 && refused > 0, "{signed_in} before it and {refused} after it: no race at all");
}

#[tokio::test(flavor = "multi_thread")]
async fn deactivations_that_race_are_one_event() {
    let (world, meeting) = meeting_of(World::trusting(), 8);
    let admin = world.official("admin@example.com", Role::Admin).await;
    let jane = world.register(JANE, None).await.expect("registers").id;
    meeting.expect(8);
    let racers = (0..8).map(|_| {
        let (world, admin) = (Arc::clone(&world), admin.clone());
        tokio::spawn(async move { world.identity.deactivate(&admin, jane, &world.origin).await })
    });
    for racer in racers.collect::<Vec<_>>() {
        assert!(!racer.await.expect("does not panic").expect("is deactivated").user.is_active);
    }
    assert_eq!(acts_on(&world, jane).await, by(&admin, &["user.deactivated"]));
}

#[tokio::test]
async fn an_update_by_an_administrator_is_bound_by_the_same_rules() {
    let (world, admin, jane) = staffed().await;
    world.register("other@example.com", Some("other")).await.expect("registers");
    let update = |username: Patch<String>, name: Patch<String>| {
        let update = ProfileUpdate { username, name, ..ProfileUpdate::default() };
        let (world, admin) = (&world, &admin);
        async move { world.identity.update_user(admin, jane, &update, &world.origin).await }
    };
    let taken = update(Patch::Set("Other".to_owned()), Patch::Keep).await;
    assert!(matches!(taken, Err(UpdateUserError::Update(UpdateProfileError::UsernameTaken))));
    let nameless = update(Patch::Keep, Patch::Clear).await;
    assert!(matches!(nameless, Err(UpdateUserError::Update(UpdateProfileError::Invalid(_)))));
    assert_eq!(update(Patch::Clear, Patch::Keep).await.expect("updates").user.profile.username, None);
}
