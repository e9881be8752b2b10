//! People who come from another system, on the memory adapter.

use std::sync::Arc;

use portcullis_domain::{
    Identity, Policy,
    caller::Origin,
    event::{Actor, EventType},
    port::{EventStore, FeedCursor, PasswordHasher, UserQuery, Users},
    session::{SignIn, SignInError},
    testing::ManualClock,
    user::{ImportInput, ImportUser, Imported},
    value::{Email, Password, PasswordHash, Username},
};
use portcullis_memory::{FastPasswordHasher, Memory};

const PASSWORD: &str = "Tr4vel-light";

struct World {
    identity: Identity,
    memory: Arc<Memory>,
}

impl World {
    fn new() -> Self {
        let memory = Arc::new(Memory::new());
        let ports = portcullis_domain::Ports { clock: Arc::new(ManualClock::new()), ..memory.ports() };
        Self { identity: Identity::new(ports, Policy::default()), memory }
    }

    fn person(&self, email: &str, username: Option<&str>, hash: Option<&PasswordHash>) -> ImportUser {
        let input = ImportInput {
            email: Some(email.to_owned()),
            name: Some("Jane Doe".to_owned()),
            username: username.map(str::to_owned),
            password_hash: hash.cloned(),
            is_verified: Some(true),
            ..ImportInput::default()
        };
        let ports = self.identity.ports();
        ImportUser::parse(input, ports.password_hasher.as_ref(), ports.clock.now()).expect("valid")
    }

    async fn import(&self, people: &[ImportUser]) -> Vec<Imported> {
        self.identity.import_users(people).await.expect("the store works")
    }

    async fn sign_in(&self, email: &str) -> Result<(), SignInError> {
        let command = SignIn::parse(Some(email.to_owned()), None, Password::new(PASSWORD))?;
        self.identity.sign_in(command, &Origin::default()).await.map(drop)
    }
}

/// What a hasher of other parameters made.
async fn foreign_hash() -> PasswordHash {
    let foreign = FastPasswordHasher::bounded(3, 1);
    foreign.hash(&Password::new(PASSWORD)).await.expect("hashes")
}

#[tokio::test]
async fn a_person_signs_in_with_the_password_they_had_and_its_hash_is_replaced() {
    let world = World::new();
    let hash = foreign_hash().await;
    let people = [world.person("jane@example.com", None, Some(&hash))];
    assert_eq!(world.import(&people).await, [Imported::Created]);
    world.sign_in("jane@example.com").await.expect("signs in");
    let user =
        world.memory.find_by_email(&Email::new("jane@example.com")).await.expect("reads").expect("there");
    let stored = world.identity.ports().credentials.find(user.id).await.expect("reads").expect("there");
    assert_ne!(stored.password, hash);
    world.sign_in("jane@example.com").await.expect("signs in again");
}

#[tokio::test]
async fn a_person_without_a_hash_cannot_sign_in() {
    let world = World::new();
    world.import(&[world.person("jane@example.com", None, None)]).await;
    assert!(matches!(world.sign_in("jane@example.com").await, Err(SignInError::InvalidCredentials)));
}

#[tokio::test]
async fn taking_people_over_is_an_act_of_the_system_and_asks_for_no_mail() {
    let world = World::new();
    let unproven = ImportUser { is_verified: false, ..world.person("jane@example.com", None, None) };
    world.import(&[unproven, world.person("joe@example.com", None, None)]).await;
    let log = world.memory.read_feed(FeedCursor::START, 10).await.expect("reads");
    let events: Vec<_> =
        log.iter().map(|item| (&item.event.event.event_type, item.event.event.actor)).collect();
    let created = EventType::new("user.created");
    assert_eq!(events, [(&created, Actor::System), (&created, Actor::System)]);
}

#[tokio::test]
async fn since_when_somebody_has_an_account_is_kept_and_orders_the_list() {
    let world = World::new();
    let years = [2019, 2001, 2010];
    let people: Vec<_> = years
        .into_iter()
        .map(|year| {
            let created_at = format!("{year}-05-01T12:00:00Z").parse().ok();
            ImportUser { created_at, ..world.person(&format!("p{year}@example.com"), None, None) }
        })
        .collect();
    assert_eq!(world.import(&people).await, [Imported::Created; 3]);
    let users = world.memory.list(&UserQuery::default(), None, 10).await.expect("reads");
    let created: Vec<_> = users.iter().map(|user| user.created_at.format("%Y").to_string()).collect();
    assert_eq!(created, ["2019", "2010", "2001"], "newest first");
    assert!(users.iter().all(|user| user.updated_at == world.identity.ports().clock.now()));
}

#[tokio::test]
async fn the_same_people_again_change_nothing() {
    let world = World::new();
    let people: Vec<_> =
        (0..5).map(|number| world.person(&format!("p{number}@example.com"), None, None)).collect();
    assert_eq!(world.import(&people[..3]).await, [Imported::Created; 3]);
    let before = world.memory.find_by_email(&Email::new("p1@example.com")).await.expect("reads");
    let outcomes = world.import(&people).await;
    assert_eq!(outcomes[..3], [Imported::AlreadyThere; 3]);
    assert_eq!(outcomes[3..], [Imported::Created; 2]);
    assert_eq!(world.memory.find_by_email(&Email::new("p1@example.com")).await.expect("reads"), before);
}

#[tokio::test]
async fn one_who_is_in_anothers_way_keeps_nobody_else_out() {
    let world = World::new();
    let people = [
        world.person("jane@example.com", Some("jane"), None),
        world.person("joe@example.com", Some("jane"), None),
        world.person("JANE@example.com", None, None),
        world.person("ann@example.com", Some("ann"), None),
    ];
    let outcomes = world.import(&people).await;
    assert_eq!(
        outcomes,
        [Imported::Created, Imported::UsernameTaken, Imported::AlreadyThere, Imported::Created]
    );
    let jane = world.memory.find_by_username(&Username::new("jane")).await.expect("reads").expect("there");
    assert_eq!(jane.profile.email.as_str(), "jane@example.com");
}

#[tokio::test]
async fn a_preview_says_what_would_become_of_each_and_writes_nothing() {
    let world = World::new();
    world.import(&[world.person("jane@example.com", Some("jane"), None)]).await;
    let people = [
        world.person("jane@example.com", None, None),
        world.person("joe@example.com", Some("jane"), None),
        world.person("ann@example.com", None, None),
    ];
    let outcomes = world.identity.preview_import(&people).await.expect("the store works");
    assert_eq!(outcomes, [Imported::AlreadyThere, Imported::UsernameTaken, Imported::Created]);
    assert_eq!(world.memory.read_feed(FeedCursor::START, 10).await.expect("reads").len(), 1);
}
