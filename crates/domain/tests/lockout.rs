//! Guessing at passwords, over the memory store: what is counted, where, and for how long.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use portcullis_domain::{
    Identity, Policy, Ports,
    caller::{Caller, Origin, Role},
    event::Actor,
    port::{FeedCursor, HashError, PasswordHasher, UnreadableHash, Verdict},
    session::{
        AccountLocked, IssuedTokens, ListLoginHistoryOfError, LoginFailure, OwnPasswordError, SignIn,
        SignInError,
    },
    user::{Register, RegisterInput, User, UserEvent},
    value::{Language, Password, PasswordHash},
};
use portcullis_memory::{FastPasswordHasher, Memory};
use tokio::{sync::Semaphore, task::JoinSet};

const EMAIL: &str = "jane@example.com";
const PASSWORD: &str = "Tr4vel-light";
const WRONG: &str = "Tr4vel-heavy";
const LOCKOUT: Duration = Duration::from_millis(800);

#[derive(Clone)]
struct World {
    identity: Identity,
    memory: Arc<Memory>,
}

/// Checks two passwords at a time; the others wait.
struct TwoAtATime(FastPasswordHasher, Semaphore);

#[async_trait]
impl PasswordHasher for TwoAtATime {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.0.hash(password).await
    }

    async fn verify<'a>(
        &'a self,
        password: &'a Password,
        hash: Option<&'a PasswordHash>,
    ) -> Result<Verdict, HashError> {
        let _place = self.1.acquire().await.expect("nobody closes it");
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.0.verify(password, hash).await
    }

    fn reads(&self, hash: &PasswordHash) -> Result<(), UnreadableHash> {
        self.0.reads(hash)
    }
}

impl World {
    fn new() -> Self {
        Self::with(Policy { lockout: LOCKOUT, ..Policy::default() })
    }

    fn with(policy: Policy) -> Self {
        let memory = Arc::new(Memory::new());
        let hasher = TwoAtATime(FastPasswordHasher::new(), Semaphore::new(2));
        let ports = Ports { password_hasher: Arc::new(hasher), ..memory.ports() };
        let policy = Policy { email_verification: false, ..policy };
        Self { identity: Identity::new(ports, policy), memory }
    }

    async fn register(&self, email: &str, role: Role) -> User {
        let input = RegisterInput {
            email: email.to_owned(),
            password: Password::new(PASSWORD),
            name: "Jane Doe".to_owned(),
            username: None,
            phone: None,
            business_type: None,
            business_number: None,
            industry: None,
            region: None,
            language: Language::En,
        };
        let command = Register::parse(input).expect("valid").by_operator(role);
        self.identity.register(command, &Origin::default()).await.expect("registers").user
    }

    async fn try_from(
        &self,
        address: &str,
        email: &str,
        password: &str,
    ) -> Result<IssuedTokens, SignInError> {
        let command =
            SignIn::parse(Some(email.to_owned()), None, Password::new(password)).expect("has a name");
        self.identity.sign_in(command, &from(address)).await
    }

    /// What comes of so many wrong passwords: whether each was refused by a lock.
    async fn guess(&self, address: &str, email: &str, times: usize) -> Vec<bool> {
        let mut refused = Vec::new();
        for _ in 0..times {
            refused.push(match self.try_from(address, email, WRONG).await {
                Err(SignInError::InvalidCredentials) => false,
                Err(SignInError::AccountLocked(AccountLocked { retry_after })) => {
                    assert!(retry_after <= LOCKOUT + Duration::from_millis(50), "{retry_after:?}");
                    true
                }
                outcome => panic!("{outcome:?}"),
            });
        }
        refused
    }

    async fn caller(&self, tokens: &IssuedTokens) -> Caller {
        self.identity.authenticate(&tokens.access).await.expect("authenticates")
    }

    /// Why the attempts on an account failed, newest first.
    async fn history(&self, caller: &Caller) -> Vec<Option<LoginFailure>> {
        let page = self.identity.list_login_history(caller, None, 100).await.expect("lists");
        page.attempts.iter().map(|attempt| attempt.failure).collect()
    }

    /// The locks on an account's stream, with who is said to have done it.
    async fn locks(&self) -> Vec<(Actor, u64)> {
        let items = self.memory.ports().events.read_feed(FeedCursor::START, 1_000).await.expect("reads");
        let events = items.into_iter().map(|item| item.event.event);
        let locks = events.filter_map(|event| match UserEvent::read(&event, None) {
            Ok(UserEvent::Locked { seconds }) => Some((event.actor, seconds)),
            _ => None,
        });
        locks.collect()
    }
}

fn from(address: &str) -> Origin {
    Origin::new(Some(address.parse().expect("an address")), Some("curl/8"))
}

#[tokio::test]
async fn the_fifth_wrong_password_locks_the_account_for_its_network_until_the_time_is_over() {
    let world = World::new();
    let jane = world.register(EMAIL, Role::User).await;
    assert_eq!(world.guess("203.0.113.7", EMAIL, 5).await, [false; 5]);
    assert_eq!(world.guess("203.0.113.200", "JANE@Example.com", 2).await, [true; 2]);
    let locked = world.try_from("203.0.113.7", EMAIL, PASSWORD).await.expect_err("right, and locked");
    let SignInError::AccountLocked(AccountLocked { retry_after }) = locked else { panic!("{locked:?}") };
    assert_eq!(world.locks().await, [(Actor::System, LOCKOUT.as_secs())]);
    assert_eq!(jane.unlocks, 0);

    tokio::time::sleep(retry_after).await;
    world.try_from("203.0.113.7", EMAIL, PASSWORD).await.expect("the wait that was named is enough");
}

#[tokio::test]
async fn an_account_that_there_is_not_is_locked_in_the_same_way() {
    let world = World::new();
    world.register(EMAIL, Role::User).await;
    for name in [EMAIL, "nobody@example.com", "no address"] {
        let outcomes = world.guess("203.0.113.7", name, 7).await;
        assert_eq!(outcomes, [false, false, false, false, false, true, true], "{name}");
    }
    assert_eq!(world.locks().await.len(), 1, "only what is there has a stream");
}

#[tokio::test]
async fn a_stranger_locks_nobody_out_of_where_they_are_at_home_and_ends_no_session() {
    let world = World::new();
    world.register(EMAIL, Role::User).await;
    let tokens = world.try_from("198.51.100.1", EMAIL, PASSWORD).await.expect("signs in");
    for stranger in ["203.0.113.7", "2001:db8:1::1"] {
        assert_eq!(world.guess(stranger, EMAIL, 6).await.iter().filter(|refused| **refused).count(), 1);
    }
    world.try_from("198.51.100.1", EMAIL, PASSWORD).await.expect("signs in at home");
    world.try_from("2001:db8:2::1", EMAIL, PASSWORD).await.expect("signs in elsewhere");
    world.caller(&tokens).await;
    world.identity.refresh(&tokens.refresh, &from("203.0.113.7")).await.expect("the session lives on");
}

#[tokio::test]
async fn a_right_password_forgets_the_wrong_ones_before_it() {
    let world = World::new();
    world.register(EMAIL, Role::User).await;
    for _ in 0..4 {
        assert_eq!(world.guess("203.0.113.7", EMAIL, 4).await, [false; 4]);
        world.try_from("203.0.113.7", EMAIL, PASSWORD).await.expect("signs in");
    }
    assert_eq!(world.locks().await, []);
}

#[tokio::test]
async fn wrong_passwords_of_acts_that_ask_again_count_too() {
    let world = World::new();
    let jane = world.register(EMAIL, Role::User).await;
    let origin = from("203.0.113.7");
    let ask = async |password: &str| {
        world.identity.check_own_password(&jane, &Password::new(password), &origin).await
    };
    assert_eq!(ask(PASSWORD).await.expect("right").user, jane.id);
    assert_eq!(world.guess("203.0.113.7", EMAIL, 3).await, [false; 3]);
    for _ in 0..2 {
        assert!(matches!(ask(WRONG).await, Err(OwnPasswordError::Wrong)));
    }
    assert!(matches!(ask(PASSWORD).await, Err(OwnPasswordError::Locked(_))));
    assert_eq!(world.guess("203.0.113.7", EMAIL, 1).await, [true]);
    assert_eq!(world.locks().await.len(), 1);
}

/// The lock is looked for again after the check, or all that came in before it would be told whether they are right.
#[tokio::test]
async fn of_guesses_made_at_once_no_more_are_answered_than_one_after_another() {
    let world = World::with(Policy { lockout: Duration::from_secs(600), ..Policy::default() });
    world.register(EMAIL, Role::User).await;
    let mut guesses = JoinSet::new();
    for number in 0..=64 {
        let world = world.clone();
        // They are checked in the order in which they came, the right one last.
        let password = if number == 64 { PASSWORD } else { WRONG };
        guesses.spawn(async move { world.try_from("203.0.113.7", EMAIL, password).await });
    }
    let outcomes = guesses.join_all().await;
    let refused =
        outcomes.iter().filter(|outcome| matches!(outcome, Err(SignInError::AccountLocked(_)))).count();
    let wrong = outcomes.iter().filter(|outcome| matches!(outcome, Err(SignInError::InvalidCredentials)));
    assert_eq!((wrong.count(), refused), (5, 60), "{outcomes:?}");
    assert_eq!(world.locks().await.len(), 1);
}

#[tokio::test]
async fn a_history_has_every_attempt_and_of_a_lock_the_first_that_was_refused() {
    use LoginFailure::{AccountLocked, InvalidPassword};
    let world = World::new();
    world.register(EMAIL, Role::User).await;
    world.guess("203.0.113.7", EMAIL, 25).await;
    let tokens = world.try_from("198.51.100.1", EMAIL, PASSWORD).await.expect("signs in at home");
    let caller = world.caller(&tokens).await;
    let expected = [None, Some(AccountLocked)].into_iter().chain([Some(InvalidPassword); 5]);
    assert_eq!(world.history(&caller).await, expected.collect::<Vec<_>>());

    let first = world.identity.list_login_history(&caller, None, 3).await.expect("lists");
    assert_eq!(first.attempts.len(), 3);
    assert_eq!(first.attempts[0].origin, from("198.51.100.1"));
    let rest = world.identity.list_login_history(&caller, first.next, 4).await.expect("lists");
    assert_eq!((rest.attempts.len(), rest.next), (4, None));
    assert!(rest.attempts.iter().all(|attempt| attempt.origin == from("203.0.113.7")));
}

#[tokio::test]
async fn somebody_elses_history_takes_permission_and_is_a_look_that_is_noted() {
    let world = World::new();
    let jane = world.register(EMAIL, Role::User).await;
    let root = world.register("root@example.com", Role::Admin).await;
    let signed_in = async |email: &str| {
        let tokens = world.try_from("198.51.100.1", email, PASSWORD).await.expect("signs in");
        world.caller(&tokens).await
    };
    let (user, admin) = (signed_in(EMAIL).await, signed_in("root@example.com").await);
    let denied = world.identity.list_login_history_of(&user, root.id, None, 10).await;
    assert!(matches!(denied, Err(ListLoginHistoryOfError::Denied(_))), "{denied:?}");
    let page = world.identity.list_login_history_of(&admin, jane.id, None, 10).await.expect("lists");
    assert_eq!(page.attempts.len(), 1);
    let nobody =
        world.identity.list_login_history_of(&admin, uuid::Uuid::from_u128(7).into(), None, 10).await;
    assert!(matches!(nobody, Err(ListLoginHistoryOfError::NotFound)), "{nobody:?}");
    let ports = world.memory.ports();
    let looks = ports.accesses.list_by_stream(jane.stream(), None, 10).await.expect("lists");
    assert_eq!(looks.len(), 1);
    assert_eq!(looks[0].actor, Actor::User(root.id.into()));
}
