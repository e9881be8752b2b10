//! API keys: made, used, replaced, ended, and gone with their owners.

use std::time::Duration;

use portcullis_domain::{
    Policy,
    api_key::{
        ApiKeyEnd, ApiKeyEvent, AuthenticateApiKeyError, IssueApiKey, IssueApiKeyError, IssueApiKeyInput,
        IssuedApiKey, RevokeApiKeyError, RotateApiKeyError,
    },
    caller::{Caller, Role},
    id::ApiKeyId,
    introspection::{Inquirer, TokenKind},
    port::{ApiKeys, Entropy, EventStore, FeedCursor},
    testing::SeededEntropy,
    user::UserEvent,
    value::{Password, Secret, ShortText},
    verification::{ResetPassword, reset_token},
};

use crate::world::{PASSWORD, World};

const JANE: &str = "jane@example.com";
const OVERLAP: Duration = Duration::from_secs(60);

fn policy() -> Policy {
    Policy { api_key_rotation_overlap: OVERLAP, max_api_keys: 3, ..World::trusting() }
}

/// A world with somebody signed in.
async fn with_jane() -> (World, Caller) {
    let world = World::new(policy());
    let (_, jane) = world.signed_in().await;
    (world, jane)
}

async fn issue(world: &World, caller: &Caller) -> Result<IssuedApiKey, IssueApiKeyError> {
    let input = IssueApiKeyInput {
        name: "ci".to_owned(),
        features: vec!["reports".to_owned()],
        expires_in: Some(3600),
        owner: None,
    };
    let command = IssueApiKey::parse(&input).expect("valid");
    world.identity.issue_api_key(caller, &command, &world.origin).await
}

async fn rotate(world: &World, caller: &Caller, id: ApiKeyId) -> Result<IssuedApiKey, RotateApiKeyError> {
    world.identity.rotate_api_key(caller, id, &world.origin).await
}

fn shown(issued: &IssuedApiKey) -> Secret {
    Secret::new(issued.text.expose())
}

/// What a text is good for: nothing, as it says, or `accepted`.
async fn outcome(world: &World, text: &Secret) -> &'static str {
    match world.identity.authenticate_api_key(text).await {
        Ok(_) => "accepted",
        Err(error) => error.name(),
    }
}

#[tokio::test]
async fn a_key_is_its_owners_until_it_ends() {
    let (world, jane) = with_jane().await;
    let issued = issue(&world, &jane).await.expect("issues");
    let caller = world.identity.authenticate_api_key(&shown(&issued)).await.expect("is good");
    assert_eq!((caller.id(), caller.principal()), (issued.key.id, issued.key.owner));
    world.clock.advance(Duration::from_secs(3599));
    assert_eq!(outcome(&world, &shown(&issued)).await, "accepted");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(outcome(&world, &shown(&issued)).await, "expired");
}

#[tokio::test]
async fn a_typo_is_told_from_a_key_that_is_gone() {
    let (world, jane) = with_jane().await;
    let issued = issue(&world, &jane).await.expect("issues");
    let mut typo = issued.text.expose().to_owned();
    let last = if typo.pop() == Some('a') { 'b' } else { 'a' };
    typo.push(last);
    assert_eq!(outcome(&world, &Secret::new(typo)).await, "mistyped");
    world.identity.revoke_api_key(&jane, issued.key.id, &world.origin).await.expect("ends");
    assert_eq!(outcome(&world, &shown(&issued)).await, "unknown");
}

#[tokio::test]
async fn nobody_deals_with_anothers_keys() {
    let (world, jane) = with_jane().await;
    let issued = issue(&world, &jane).await.expect("issues");
    let admin = world.official("root@example.com", Role::Admin).await;
    let id = issued.key.id;
    let revoked = world.identity.revoke_api_key(&admin, id, &world.origin).await;
    assert!(matches!(revoked, Err(RevokeApiKeyError::NotFound)));
    assert!(matches!(rotate(&world, &admin, id).await, Err(RotateApiKeyError::NotFound)));
    assert!(world.identity.list_api_keys(&admin, None, 10).await.expect("reads").keys.is_empty());
    assert_eq!(outcome(&world, &shown(&issued)).await, "accepted");
}

#[tokio::test]
async fn an_owner_has_so_many_keys_however_they_race() {
    let (world, jane) = with_jane().await;
    let world = std::sync::Arc::new(world);
    let racers: Vec<_> = (0..8)
        .map(|_| {
            let (world, jane) = (world.clone(), jane.clone());
            tokio::spawn(async move { issue(&world, &jane).await.is_ok() })
        })
        .collect();
    let mut issued = 0;
    for racer in racers {
        issued += usize::from(racer.await.expect("ends"));
    }
    assert_eq!(issued, 3);
    assert!(matches!(issue(&world, &jane).await, Err(IssueApiKeyError::TooMany)));
}

#[tokio::test]
async fn a_deactivated_owners_keys_are_good_for_nothing() {
    let (world, jane) = with_jane().await;
    let issued = issue(&world, &jane).await.expect("issues");
    let admin = world.official("root@example.com", Role::Admin).await;
    world.identity.deactivate(&admin, jane.user, &world.origin).await.expect("deactivates");
    assert_eq!(outcome(&world, &shown(&issued)).await, "owner_inactive");
}

#[tokio::test]
async fn an_erased_owners_keys_are_gone() {
    let (world, jane) = with_jane().await;
    let issued = issue(&world, &jane).await.expect("issues");
    let copy = world.identity.export(&jane).await.expect("exports");
    assert_eq!(copy.api_keys, std::slice::from_ref(&issued.key));
    let password = Password::new(PASSWORD);
    world.identity.erase_self(&jane, Some(&password), &world.origin).await.expect("erases");
    assert_eq!(outcome(&world, &shown(&issued)).await, "unknown");
    assert!(world.memory.list_by_owner(issued.key.owner).await.expect("reads").is_empty());
}

#[tokio::test]
async fn what_keys_are_called_goes_with_their_owners_key_and_no_event_tells_a_secret() {
    let (world, jane) = with_jane().await;
    let issued = issue(&world, &jane).await.expect("issues");
    let rotated = rotate(&world, &jane, issued.key.id).await.expect("rotates");
    let events = world.history(jane.user).await;
    let key = world.identity.data_key(jane.user.into()).await.expect("reads");
    let read = |key: Option<_>| {
        let events = events.iter().map(|event| UserEvent::read(&event.event, key).expect("reads"));
        let names = events.filter_map(|event| match event {
            UserEvent::ApiKey(ApiKeyEvent::Issued { name, .. }) => Some(name.map(ShortText::into_string)),
            _ => None,
        });
        names.collect::<Vec<_>>()
    };
    assert_eq!(read(key.as_ref()), [Some("ci".to_owned())]);
    assert_eq!(read(None), [None]);
    for issued in [issued, rotated] {
        let secret = issued.text.expose().rsplit('_').next().expect("a secret").to_owned();
        assert!(events.iter().all(|event| !event.event.data.as_str().contains(&secret)));
    }
}

#[tokio::test]
async fn a_use_is_noted_to_the_minute_and_with_no_write_of_its_own() {
    let (world, jane) = with_jane().await;
    let issued = issue(&world, &jane).await.expect("issues");
    let last_used =
        async || world.identity.list_api_keys(&jane, None, 10).await.expect("reads").keys[0].last_used_at;
    for _ in 0..5 {
        assert_eq!(outcome(&world, &shown(&issued)).await, "accepted");
    }
    assert_eq!(last_used().await, None);
    let first = issued.key.created_at;
    world.identity.flush_usage().await.expect("flushes");
    assert_eq!(last_used().await, Some(first));
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(outcome(&world, &shown(&issued)).await, "accepted");
    world.identity.flush_usage().await.expect("flushes");
    assert_eq!(last_used().await, Some(first), "within the minute");
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(outcome(&world, &shown(&issued)).await, "accepted");
    world.identity.flush_usage().await.expect("flushes");
    assert_eq!(last_used().await, Some(first + Duration::from_secs(60)));
}

#[tokio::test]
async fn who_has_a_keys_text_may_end_it() {
    let (world, jane) = with_jane().await;
    let issued = issue(&world, &jane).await.expect("issues");
    let rotated = rotate(&world, &jane, issued.key.id).await.expect("rotates");
    let nobodys = Secret::new("pck_000000000000_00000000000000000000000000000000000000");
    world.identity.revoke_token(&nobodys, &world.origin).await.expect("is passed over");
    assert_eq!(outcome(&world, &shown(&rotated)).await, "accepted");
    // The secret before, while it is good.
    world.identity.revoke_token(&shown(&issued), &world.origin).await.expect("ends");
    assert_eq!(outcome(&world, &shown(&rotated)).await, "unknown");
    let events = world.history(jane.user).await;
    let last = UserEvent::read(&events.last().expect("an event").event, None).expect("reads");
    let (api_key_id, reason) = (issued.key.id, ApiKeyEnd::Presented);
    assert_eq!(last, UserEvent::ApiKey(ApiKeyEvent::Revoked { api_key_id, reason }));
}

#[tokio::test]
async fn a_key_tells_what_a_token_is_and_is_told_itself() {
    let world = World::new(policy());
    let (tokens, jane) = world.signed_in().await;
    let issued = issue(&world, &jane).await.expect("issues");
    let caller = world.identity.authenticate_api_key(&shown(&issued)).await.expect("is good");
    let ask = async |token: &Secret| {
        let found = world.identity.introspect(Inquirer::Key(&caller), token).await.expect("answers");
        found.map(|found| (found.kind, found.session))
    };
    let session = Some(jane.session);
    assert_eq!(ask(&tokens.access).await, Some((TokenKind::Access, session)));
    assert_eq!(ask(&tokens.refresh).await, Some((TokenKind::Refresh, session)));
    assert_eq!(ask(&shown(&issued)).await, Some((TokenKind::ApiKey, None)));
    assert_eq!(ask(&Secret::new("none")).await, None);
    let next = world.refresh(&tokens.refresh).await.expect("refreshes");
    assert_eq!(ask(&tokens.refresh).await, None, "another generation is the newest");
    assert_eq!(ask(&next.refresh).await, Some((TokenKind::Refresh, session)));
    world.identity.revoke_token(&next.access, &world.origin).await.expect("ends");
    for token in [&tokens.access, &next.access, &next.refresh] {
        assert_eq!(ask(token).await, None, "the session has ended");
    }
    let denied = world.identity.introspect(Inquirer::Person(&jane), &tokens.access).await;
    assert!(denied.is_err(), "a person needs the permission");
}

/// What the rules say of a text, told from the acts alone.
struct Model {
    /// By key: its texts, oldest first, each with when it was replaced; and whether it was revoked.
    keys: Vec<ModelKey>,
    /// Seconds since the start.
    now: u64,
}

struct ModelKey {
    id: ApiKeyId,
    texts: Vec<(Secret, Option<u64>)>,
    issued_at: u64,
    /// Revoked, or over when another one was made.
    is_gone: bool,
}

impl Model {
    fn outcome(&self, key: &ModelKey, text: usize) -> &'static str {
        let last = key.texts.len() - 1;
        let replaced_at = key.texts[text].1;
        let is_good_still =
            text + 1 == last && replaced_at.is_some_and(|at| self.now < at + OVERLAP.as_secs());
        if key.is_gone || (text != last && !is_good_still) {
            "unknown"
        } else if self.now >= key.issued_at + 3600 {
            "expired"
        } else {
            "accepted"
        }
    }

    fn live(&self) -> usize {
        self.keys.iter().filter(|key| !key.is_gone && self.now < key.issued_at + 3600).count()
    }
}

/// The rules of rotation and reuse as a state machine: random acts, and after each of them every text that was ever given out is shown.
#[tokio::test]
async fn whatever_is_done_with_keys_each_text_is_good_for_what_the_rules_say() {
    for seed in 0..20 {
        let (world, jane) = with_jane().await;
        let random = SeededEntropy::new(1_000 + seed);
        let draw = |below: usize| {
            let mut byte = [0];
            random.fill(&mut byte);
            usize::from(byte[0]) % below
        };
        let mut model = Model { keys: Vec::new(), now: 0 };
        for step in 0..60 {
            let chosen = draw(model.keys.len().max(1));
            match draw(8) {
                0 | 1 => {
                    let issued = issue(&world, &jane).await;
                    assert_eq!(issued.is_ok(), model.live() < 3, "seed {seed}, step {step}");
                    let now = model.now;
                    for key in
                        model.keys.iter_mut().filter(|key| issued.is_ok() && now >= key.issued_at + 3600)
                    {
                        key.is_gone = true;
                    }
                    model.keys.extend(issued.ok().map(|issued| ModelKey {
                        id: issued.key.id,
                        texts: vec![(shown(&issued), None)],
                        issued_at: model.now,
                        is_gone: false,
                    }));
                }
                2..=4 if !model.keys.is_empty() => {
                    let now = model.now;
                    let key = &mut model.keys[chosen];
                    let rotated = rotate(&world, &jane, key.id).await;
                    let is_live = !key.is_gone && now < key.issued_at + 3600;
                    assert_eq!(rotated.is_ok(), is_live, "seed {seed}, step {step}");
                    if let Ok(rotated) = rotated {
                        key.texts.last_mut().expect("one").1 = Some(now);
                        key.texts.push((shown(&rotated), None));
                    }
                }
                5 if !model.keys.is_empty() && draw(3) == 0 => {
                    let key = &mut model.keys[chosen];
                    let revoked = world.identity.revoke_api_key(&jane, key.id, &world.origin).await;
                    assert_eq!(revoked.is_ok(), !key.is_gone, "seed {seed}, step {step}");
                    key.is_gone = true;
                }
                _ => {
                    let seconds = [1, 29, 59, 60, 61, 900][draw(6)];
                    world.clock.advance(Duration::from_secs(seconds));
                    model.now += seconds;
                }
            }
            for key in &model.keys {
                for (place, (text, _)) in key.texts.iter().enumerate() {
                    let expected = model.outcome(key, place);
                    assert_eq!(
                        outcome(&world, text).await,
                        expected,
                        "seed {seed}, step {step}, text {place}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_reset_password_ends_every_key() {
    let (world, jane) = with_jane().await;
    let issued = [issue(&world, &jane).await.expect("issues"), issue(&world, &jane).await.expect("issues")];
    world.identity.forgot_password(JANE, None, &world.origin).await.expect("asks");
    let key = world.identity.data_key(jane.user.into()).await.expect("reads").expect("a key");
    let events = world.memory.read_feed(FeedCursor::START, 1_000).await.expect("reads");
    let code = events.iter().find_map(|item| match UserEvent::read(&item.event.event, Some(&key)) {
        Ok(UserEvent::PasswordResetRequested { code_id, .. }) => Some(code_id),
        _ => None,
    });
    let token = reset_token(&key, jane.user, code.expect("a code"));
    let command = ResetPassword { token, new_password: Password::new("N3w-lantern!") };
    world.identity.reset_password(command, &world.origin).await.expect("resets");
    for issued in &issued {
        assert_eq!(outcome(&world, &shown(issued)).await, "unknown");
    }
    let told = world.types().await.iter().filter(|name| *name == "api_key.revoked").count();
    assert_eq!(told, 2);
    assert!(matches!(
        world.identity.authenticate_api_key(&shown(&issued[0])).await,
        Err(AuthenticateApiKeyError::Unknown)
    ));
}
