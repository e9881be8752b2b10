//! Whatever people and companies do, their rows are what the log says, to the byte.

mod support;

use std::sync::Arc;

use portcullis_domain::{
    Identity, Policy, Ports,
    caller::{Caller, Origin, Role},
    commit::{Commit, RowChange},
    port::{Entropy, EventStore, Users},
    replay::{ReplayError, Swap},
    seal::MasterKey,
    session::SignIn,
    stream::{DeactivateStream, SetMetadata},
    testing::{ManualClock, SeededEntropy},
    user::{Register, RegisterInput},
    value::{Email, Language, Password},
};
use portcullis_memory::Memory;
use serde_json::{Map, json};

use support::Written;

const PASSWORD: &str = "Tr4vel-light";

struct World {
    identity: Identity,
    clock: Arc<ManualClock>,
    memory: Arc<Memory>,
    origin: Origin,
    draws: SeededEntropy,
    _written: Written,
}

impl World {
    fn new(seed: u64) -> Self {
        let memory = Arc::new(Memory::new());
        let clock = Arc::new(ManualClock::new());
        let entropy = SeededEntropy::new(seed);
        let ports = Ports {
            clock: clock.clone(),
            master_key: MasterKey::generate(&entropy),
            entropy: Arc::new(entropy),
            ..memory.ports()
        };
        let policy = Policy { email_verification: false, max_sessions: 100, ..Policy::default() };
        let identity = Identity::new(ports, policy);
        let written = Written::new(&identity, &memory);
        let (origin, draws) = (Origin::new(None, Some("an agent")), SeededEntropy::new(seed + 1_000));
        Self { identity, clock, memory, origin, draws, _written: written }
    }

    fn below(&self, bound: u8) -> u8 {
        let mut byte = [0];
        self.draws.fill(&mut byte);
        byte[0] % bound
    }

    async fn register(&self, email: &str, role: Role) -> bool {
        let input = RegisterInput {
            email: email.to_owned(),
            password: Password::new(PASSWORD),
            name: "Jane Doe".to_owned(),
            username: (self.below(2) == 0).then(|| format!("name{}", self.below(8))),
            phone: None,
            business_type: None,
            business_number: None,
            industry: None,
            region: None,
            language: Language::En,
        };
        let command = Register::parse(input).expect("valid").by_operator(role);
        self.identity.register(command, &self.origin).await.is_ok()
    }

    async fn caller(&self, email: &str) -> Option<Caller> {
        let command = SignIn::parse(Some(email.to_owned()), None, Password::new(PASSWORD)).expect("valid");
        let tokens = self.identity.sign_in(command, &self.origin).await.ok()?;
        self.identity.authenticate(&tokens.access).await.ok()
    }

    /// Somebody does something with their stream, which may be refused.
    async fn live_on_stream(&self, email: &str) {
        let Some(caller) = self.caller(email).await else { return };
        let stream = caller.user.into();
        match self.below(3) {
            0 => {
                let label = json!(format!("label {}", self.below(4)));
                let command = SetMetadata::parse(stream, Map::from_iter([("label".to_owned(), label)]), None);
                let command = command.expect("valid");
                drop(self.identity.set_metadata(&caller, &command, &self.origin).await);
            }
            1 => drop(self.identity.take_snapshot(&caller, stream, &self.origin).await),
            _ => {
                let command = DeactivateStream::parse(stream, None).expect("valid");
                drop(self.identity.deactivate_stream(&caller, &command, &self.origin).await);
            }
        }
    }

    /// Somebody does something, which may be refused.
    async fn live(&self, admin: &Caller) {
        self.clock.advance(std::time::Duration::from_micros(u64::from(self.below(200)) + 1));
        let email = format!("person{}@example.com", self.below(10));
        let user = Users::find_by_email(self.memory.as_ref(), &Email::new(&email)).await.expect("reads");
        let Some(user) = user else {
            self.register(&email, Role::User).await;
            return;
        };
        match self.below(9) {
            6..=8 => self.live_on_stream(&email).await,
            0 => drop(self.identity.erase_user(admin, user.id, &self.origin).await),
            1 => drop(self.identity.deactivate(admin, user.id, &self.origin).await),
            2 => drop(self.identity.activate(admin, user.id, &self.origin).await),
            _ => drop(self.caller(&email).await),
        }
    }
}

#[tokio::test]
async fn the_rows_of_random_lives_are_what_the_log_says() {
    for seed in 0..8 {
        let world = World::new(seed);
        assert!(world.register("admin@example.com", Role::Admin).await);
        let admin = world.caller("admin@example.com").await.expect("signs in");
        for _ in 0..60 {
            world.live(&admin).await;
        }
        for swap in [Swap::Never, Swap::In, Swap::Never] {
            let report =
                world.identity.replay(world.memory.as_ref(), swap, &mut |_| {}).await.expect("replays");
            assert!(report.is_identical(), "seed {seed}, {swap:?}: {:?}", report.tables);
            assert!(report.tables[0].rows > 1, "there are people");
        }
    }
}

#[tokio::test]
async fn a_row_that_somebody_changed_is_found_and_put_right() {
    let world = World::new(1);
    assert!(world.register("jane@example.com", Role::User).await);
    let email = Email::new("jane@example.com");
    let right = world.memory.find_by_email(&email).await.expect("reads").expect("is there");
    let mut wrong = right.clone();
    wrong.role = Role::Admin;
    let row = RowChange::PutUser(Box::new(wrong));
    world.memory.commit(Commit { rows: vec![row], ..Commit::default() }).await.expect("memory takes any row");
    let checked =
        world.identity.replay(world.memory.as_ref(), Swap::Never, &mut |_| {}).await.expect("replays");
    assert_eq!((checked.tables[0].wrong, checked.tables[0].lacking), (1, 1));
    let report = world.identity.replay(world.memory.as_ref(), Swap::In, &mut |_| {}).await.expect("replays");
    assert!(!report.is_identical(), "it says what it found");
    assert_eq!(world.memory.find_by_email(&email).await.expect("reads"), Some(right));
}

#[tokio::test]
async fn whoever_has_lost_their_key_and_was_not_erased_is_no_reason_to_delete_them() {
    let world = World::new(2);
    assert!(world.register("jane@example.com", Role::User).await);
    let jane = world.memory.find_by_email(&Email::new("jane@example.com")).await.expect("reads");
    let jane = jane.expect("is there");
    let commit = Commit { shred: vec![jane.id.into()], ..Commit::default() };
    world.memory.commit(commit).await.expect("memory shreds any key");
    let refused = world.identity.replay(world.memory.as_ref(), Swap::In, &mut |_| {}).await;
    assert!(matches!(refused, Err(ReplayError::KeyLost(stream)) if stream == jane.id.into()), "{refused:?}");
    assert_eq!(Users::find(world.memory.as_ref(), jane.id).await.expect("reads"), Some(jane));
}
