//! An account's life through the use cases, on the memory adapter: what the pure rules cannot show by themselves.

use std::{sync::Arc, time::Duration};

use portcullis_domain::{
    Policy,
    caller::Permission,
    port::Users,
    session::{AuthenticateError, RefreshError, SignIn, SignInError},
    user::{Patch, ProfileUpdate, RegisterError, UpdateProfileError, User, UserEvent},
    value::{Email, Password},
    verification::VerifyEmailError,
};

use crate::world::{PASSWORD, World};

fn wrong(code: &str) -> String {
    let number: u32 = code.parse().expect("digits");
    format!("{:06}", (number + 1) % 1_000_000)
}

#[tokio::test]
async fn an_account_is_registered_verified_and_signed_in() {
    let world = World::new(Policy::default());
    let user = world.register("Jane@Example.com", None).await.expect("registers");
    assert!(matches!(world.sign_in("jane@example.com", PASSWORD).await, Err(SignInError::EmailNotVerified)));

    let code = world.mailed_code(&user).await;
    world.verify("JANE@example.com", &code).await.expect("verifies");
    let tokens = world.sign_in("jane@example.com", PASSWORD).await.expect("signs in");
    let caller = world.identity.authenticate(&tokens.access).await.expect("authenticates");
    assert_eq!(caller.user, user.id);
    assert_eq!(caller.permissions, [Permission::StreamWrite]);
    let me = world.identity.me(&caller).await.expect("is there");
    assert_eq!(me.account.user.profile.email, Email::new("Jane@Example.com"), "stored as given");
    assert!(me.account.user.last_login_at.is_some());
    assert_eq!(
        world.types().await,
        ["user.created", "user.verification_requested", "user.email_verified", "user.logged_in"]
    );
}

#[tokio::test]
async fn a_code_is_good_once() {
    let world = World::new(Policy::default());
    let user = world.register("jane@example.com", None).await.expect("registers");
    let code = world.mailed_code(&user).await;
    world.verify("jane@example.com", &code).await.expect("verifies");
    assert!(matches!(world.verify("jane@example.com", &code).await, Err(VerifyEmailError::CodeInvalid)));
}

#[tokio::test]
async fn a_code_is_good_for_half_an_hour() {
    let world = World::new(Policy::default());
    let user = world.register("jane@example.com", None).await.expect("registers");
    let code = world.mailed_code(&user).await;
    world.clock.advance(Duration::from_secs(30 * 60));
    // Only who has the code learns that it was one.
    let wrong = wrong(&code);
    assert!(matches!(world.verify("jane@example.com", &wrong).await, Err(VerifyEmailError::CodeInvalid)));
    assert!(matches!(world.verify("jane@example.com", &code).await, Err(VerifyEmailError::CodeExpired)));
}

#[tokio::test]
async fn after_five_wrong_tries_the_right_code_is_refused_too() {
    let world = World::new(Policy::default());
    let user = world.register("jane@example.com", None).await.expect("registers");
    let code = world.mailed_code(&user).await;
    for _ in 0..5 {
        assert!(matches!(
            world.verify("jane@example.com", &wrong(&code)).await,
            Err(VerifyEmailError::CodeInvalid)
        ));
    }
    assert!(matches!(world.verify("jane@example.com", &code).await, Err(VerifyEmailError::CodeInvalid)));
}

#[tokio::test]
async fn the_fifth_try_may_still_be_the_right_one() {
    let world = World::new(Policy::default());
    let user = world.register("jane@example.com", None).await.expect("registers");
    let code = world.mailed_code(&user).await;
    for _ in 0..4 {
        world.verify("jane@example.com", &wrong(&code)).await.expect_err("wrong");
    }
    world.verify("jane@example.com", &code).await.expect("right");
}

#[tokio::test]
async fn codes_for_an_address_without_account_are_wrong_like_any_other() {
    let world = World::new(Policy::default());
    assert!(matches!(world.verify("nobody@example.com", "000000").await, Err(VerifyEmailError::CodeInvalid)));
    assert!(matches!(world.verify("no address", "000000").await, Err(VerifyEmailError::CodeInvalid)));
}

#[tokio::test]
async fn an_address_or_username_is_registered_once_in_any_letter_case() {
    let world = World::open();
    world.register("jane@example.com", Some("jane")).await.expect("registers");
    let taken = world.register("JANE@EXAMPLE.com", None).await;
    assert!(matches!(taken, Err(RegisterError::EmailTaken)));
    let taken = world.register("other@example.com", Some("JANE")).await;
    assert!(matches!(taken, Err(RegisterError::UsernameTaken)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_who_register_one_address_at_once_one_is_registered() {
    let world = Arc::new(World::open());
    let racers = (0..16).map(|_| {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.register("jane@example.com", None).await.map(|user| user.id) })
    });
    let mut registered = 0;
    for racer in racers.collect::<Vec<_>>() {
        match racer.await.expect("does not panic") {
            Ok(_) => registered += 1,
            Err(error) => assert!(matches!(error, RegisterError::EmailTaken), "{error}"),
        }
    }
    assert_eq!(registered, 1);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_fail_alike() {
    let world = World::open();
    world.register("jane@example.com", None).await.expect("registers");
    for (email, password) in [
        ("jane@example.com", "wrong"),
        ("nobody@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("jane@example.com", &PASSWORD.repeat(100)),
    ] {
        let refused = world.sign_in(email, password).await;
        assert!(matches!(refused, Err(SignInError::InvalidCredentials)), "{email}");
    }
    assert_eq!(world.types().await.len(), 1, "a failed sign-in is no event: an attacker could grow a stream");
}

#[tokio::test]
async fn people_sign_in_with_their_username_too() {
    let world = World::open();
    world.register("jane@example.com", Some("jane")).await.expect("registers");
    let command = SignIn::parse(None, Some("JANE".to_owned()), Password::new(PASSWORD)).expect("one name");
    world.identity.sign_in(command, &world.origin).await.expect("signs in");
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_that_race_all_succeed() {
    let world = Arc::new(World::open());
    world.register("jane@example.com", None).await.expect("registers");
    let racers = (0..8).map(|_| {
        let world = Arc::clone(&world);
        tokio::spawn(
            async move { world.sign_in("jane@example.com", PASSWORD).await.map(|tokens| tokens.session) },
        )
    });
    for racer in racers.collect::<Vec<_>>() {
        racer.await.expect("does not panic").expect("signs in");
    }
}

#[tokio::test]
async fn after_signing_out_both_tokens_are_dead() {
    let world = World::open();
    let (tokens, caller) = world.signed_in().await;
    world.identity.sign_out(&caller, false, &world.origin).await.expect("signs out");
    let refused = world.identity.authenticate(&tokens.access).await;
    assert!(matches!(refused, Err(AuthenticateError::TokenInvalid)));
    assert!(matches!(world.refresh(&tokens.refresh).await, Err(RefreshError::SessionExpired)));
}

#[tokio::test]
async fn signing_out_of_one_session_leaves_the_others_and_signing_out_of_all_does_not() {
    let world = World::open();
    let (_, first) = world.signed_in().await;
    let second = world.sign_in("jane@example.com", PASSWORD).await.expect("signs in");
    world.identity.sign_out(&first, false, &world.origin).await.expect("signs out");
    let caller = world.identity.authenticate(&second.access).await.expect("lives");

    let third = world.sign_in("jane@example.com", PASSWORD).await.expect("signs in");
    world.identity.sign_out(&caller, true, &world.origin).await.expect("signs out");
    for token in [&second.access, &third.access] {
        assert!(matches!(world.identity.authenticate(token).await, Err(AuthenticateError::TokenInvalid)));
    }
}

#[tokio::test]
async fn an_access_token_expires_and_its_session_goes_on() {
    let world = World::open();
    let (tokens, _) = world.signed_in().await;
    world.clock.advance(Duration::from_secs(30 * 60 + 1));
    let refused = world.identity.authenticate(&tokens.access).await;
    assert!(matches!(refused, Err(AuthenticateError::TokenExpired)));
    let next = world.refresh(&tokens.refresh).await.expect("refreshes");
    world.identity.authenticate(&next.access).await.expect("authenticates");
}

#[tokio::test]
async fn a_session_ends_a_week_after_its_last_refresh() {
    let world = World::open();
    let (tokens, _) = world.signed_in().await;
    let almost_a_week = Duration::from_secs(7 * 24 * 60 * 60 - 1);
    world.clock.advance(almost_a_week);
    let next = world.refresh(&tokens.refresh).await.expect("refreshes");
    world.clock.advance(almost_a_week + Duration::from_secs(1));
    assert!(matches!(world.refresh(&next.refresh).await, Err(RefreshError::SessionExpired)));
}

#[tokio::test]
async fn a_refresh_token_that_comes_back_late_ends_its_session() {
    let world = World::open();
    let (tokens, _) = world.signed_in().await;
    let next = world.refresh(&tokens.refresh).await.expect("refreshes");
    world.clock.advance(Duration::from_secs(11));
    assert!(matches!(world.refresh(&tokens.refresh).await, Err(RefreshError::Reused)));
    assert!(matches!(world.refresh(&next.refresh).await, Err(RefreshError::SessionExpired)));
    let refused = world.identity.authenticate(&next.access).await;
    assert!(matches!(refused, Err(AuthenticateError::TokenInvalid)));
    assert_eq!(world.types().await.last().map(String::as_str), Some("user.refresh_reuse_detected"));
}

#[tokio::test]
async fn a_client_that_lost_the_answer_may_ask_again_within_the_leeway() {
    let world = World::open();
    let (tokens, _) = world.signed_in().await;
    let lost = world.refresh(&tokens.refresh).await.expect("refreshes");
    world.clock.advance(Duration::from_secs(9));
    let again = world.refresh(&tokens.refresh).await.expect("a retry");
    assert_eq!(again.session, lost.session);
    // Both hold the same generation: whichever is used first, the other one is the retry.
    world.refresh(&again.refresh).await.expect("refreshes");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_refreshes_at_once_without_leeway_one_succeeds() {
    let policy =
        Policy { email_verification: false, refresh_reuse_leeway: Duration::ZERO, ..Policy::default() };
    let world = Arc::new(World::new(policy));
    let (tokens, _) = world.signed_in().await;
    let racers = (0..16).map(|_| {
        let (world, token) = (Arc::clone(&world), tokens.refresh.clone());
        tokio::spawn(async move { world.refresh(&token).await.map(|tokens| tokens.session) })
    });
    let mut refreshed = 0;
    for racer in racers.collect::<Vec<_>>() {
        match racer.await.expect("does not panic") {
            Ok(_) => refreshed += 1,
            Err(error) => {
                assert!(matches!(error, RefreshError::Reused | RefreshError::SessionExpired), "{error}");
            }
        }
    }
    assert_eq!(refreshed, 1);
    let reuses = world.types().await.iter().filter(|name| *name == "user.refresh_reuse_detected").count();
    assert_eq!(reuses, 1, "one reuse is recorded for one stolen family");
}

#[tokio::test]
async fn an_access_token_does_not_refresh_and_a_refresh_token_does_not_authenticate() {
    let world = World::open();
    let (tokens, _) = world.signed_in().await;
    assert!(matches!(world.refresh(&tokens.access).await, Err(RefreshError::TokenInvalid)));
    let refused = world.identity.authenticate(&tokens.refresh).await;
    assert!(matches!(refused, Err(AuthenticateError::TokenInvalid)));
}

#[tokio::test]
async fn a_profile_changes_in_what_the_update_names() {
    let world = World::open();
    let (_, caller) = world.signed_in().await;
    let update = ProfileUpdate {
        username: Patch::Clear,
        region: Patch::Set("Seoul".to_owned()),
        ..Default::default()
    };
    let user = world.identity.update_profile(&caller, &update, &world.origin).await.expect("updates").user;
    assert_eq!((user.profile.username, user.version), (None, 3));
    assert_eq!(world.identity.get_profile(&caller).await.expect("is there").user.version, 3);
    // The name is free again.
    world.register("other@example.com", Some("jane")).await.expect("registers");
}

#[tokio::test]
async fn nobody_takes_a_username_that_somebody_has() {
    let world = World::open();
    world.register("other@example.com", Some("other")).await.expect("registers");
    let (_, caller) = world.signed_in().await;
    let update = ProfileUpdate { username: Patch::Set("Other".to_owned()), ..Default::default() };
    let refused = world.identity.update_profile(&caller, &update, &world.origin).await;
    assert!(matches!(refused, Err(UpdateProfileError::UsernameTaken)));
}

#[tokio::test]
async fn no_personal_data_and_no_secret_stand_open_in_the_log() {
    let world = World::new(Policy::default());
    let user = world.register("jane@example.com", Some("jane")).await.expect("registers");
    let code = world.mailed_code(&user).await;
    world.verify("jane@example.com", &code).await.expect("verifies");
    let tokens = world.sign_in("jane@example.com", PASSWORD).await.expect("signs in");
    let caller = world.identity.authenticate(&tokens.access).await.expect("authenticates");
    let update = ProfileUpdate { phone: Patch::Set("+821012345678".to_owned()), ..Default::default() };
    world.identity.update_profile(&caller, &update, &world.origin).await.expect("updates");
    let log = format!("{:?}", world.log().await);
    let secrets = [
        "jane",
        "Jane",
        "Doe",
        "+8210",
        "203.0.113",
        "curl",
        PASSWORD,
        tokens.access.expose(),
        tokens.refresh.expose(),
    ];
    for secret in secrets.into_iter().chain([code.as_str()]) {
        assert!(!log.contains(secret), "{secret} stands in the log");
    }
}

#[tokio::test]
async fn the_account_is_what_its_events_add_up_to() {
    let world = World::open();
    let (_, caller) = world.signed_in().await;
    let update = ProfileUpdate { industry: Patch::Set("Ships".to_owned()), ..Default::default() };
    let user = world.identity.update_profile(&caller, &update, &world.origin).await.expect("updates").user;
    let key = world.identity.data_key(user.id.into()).await.expect("reads");
    let folded = world.log().await.iter().fold(None, |state, event| {
        let read = UserEvent::read(&event.event, key.as_ref()).expect("reads");
        User::apply(state, &read, event.event.recorded_at)
    });
    assert_eq!(folded, Users::find(world.memory.as_ref(), user.id).await.expect("reads"));
}
