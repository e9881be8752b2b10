use portcullis_domain::{
    audit::{Evidence, verify_log},
    caller::Role,
    commit::{Commit, RowChange},
    id::OneTimeCodeId,
    port::{Clock, EventStore, LoginHistory, Users},
    privacy::{EraseError, EraseSelfError, EraseUserError},
    session::{AuthenticateError, RefreshError, SignInError},
    user::UserEvent,
    verification::{OneTimeCode, Purpose},
};
use uuid::Uuid;

use super::{JANE, attempt, left, password, region};
use crate::world::{PASSWORD, World};

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
