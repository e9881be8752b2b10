use std::sync::Arc;

use portcullis_domain::{
    audit::{Evidence, verify_log},
    caller::{Caller, Role},
    privacy::{EraseError, EraseSelfError, EraseUserError},
    session::{AuthenticateError, RefreshError, SignInError},
    user::UpdateProfileError,
    value::Password,
};

use super::{JANE, left, password, region};
use crate::{
    meeting::meeting_of,
    world::{PASSWORD, World},
};

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
                (Ok(_), Err(EraseUserError::Erase(EraseError::NotFound)))
                    | (Err(EraseSelfError::Erase(EraseError::NotFound)), Ok(_))
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
