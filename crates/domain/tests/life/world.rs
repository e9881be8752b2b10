use std::sync::Arc;

use portcullis_domain::{
    Identity, Policy, Ports,
    caller::{Caller, Origin, Role},
    event::Event,
    id::UserId,
    port::{EventStore, FeedCursor, Users},
    seal::MasterKey,
    session::{IssuedTokens, RefreshError, SignIn, SignInError},
    testing::{ManualClock, SeededEntropy},
    user::{Register, RegisterError, RegisterInput, User, UserEvent},
    value::{Email, Language, Password, Secret},
    verification::{VerifyEmail, VerifyEmailError, code_digits},
};
use portcullis_memory::Memory;

use crate::support::Written;

pub(crate) const PASSWORD: &str = "Tr4vel-light";

/// The use cases over an empty store, with a clock that is set by hand.
pub(crate) struct World {
    pub(crate) identity: Identity,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) origin: Origin,
    _written: Written,
}

impl World {
    pub(crate) fn new(policy: Policy) -> Self {
        Self::with(policy, |ports| ports)
    }

    /// A world some of whose ports are others.
    pub(crate) fn with(policy: Policy, change: impl FnOnce(Ports) -> Ports) -> Self {
        let memory = Arc::new(Memory::new());
        let clock = Arc::new(ManualClock::new());
        let entropy = SeededEntropy::new(7);
        let ports = Ports {
            clock: clock.clone(),
            master_key: MasterKey::generate(&entropy),
            entropy: Arc::new(entropy),
            ..memory.ports()
        };
        let origin = Origin::new(Some("203.0.113.7".parse().expect("an address")), Some("curl/8"));
        let identity = Identity::new(change(ports), policy);
        let written = Written::new(&identity, &memory);
        Self { identity, clock, memory, origin, _written: written }
    }

    /// A world in which nobody has to verify anything.
    pub(crate) fn open() -> Self {
        Self::new(Self::trusting())
    }

    /// A policy by which nobody has to verify anything.
    pub(crate) fn trusting() -> Policy {
        Policy { email_verification: false, ..Policy::default() }
    }

    pub(crate) async fn register(&self, email: &str, username: Option<&str>) -> Result<User, RegisterError> {
        Ok(self.identity.register(Register::parse(input(email, username))?, &self.origin).await?.user)
    }

    /// An account of this role, made by the operator and signed in.
    pub(crate) async fn official(&self, email: &str, role: Role) -> Caller {
        let command = Register::parse(input(email, None)).expect("valid").by_operator(role);
        self.identity.register(command, &self.origin).await.expect("registers");
        self.caller(email).await
    }

    /// Somebody who is registered, signed in.
    pub(crate) async fn caller(&self, email: &str) -> Caller {
        let tokens = self.sign_in(email, PASSWORD).await.expect("signs in");
        self.identity.authenticate(&tokens.access).await.expect("authenticates")
    }

    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> Result<IssuedTokens, SignInError> {
        let command = SignIn::parse(Some(email.to_owned()), None, Password::new(password))?;
        self.identity.sign_in(command, &self.origin).await
    }

    pub(crate) async fn signed_in(&self) -> (IssuedTokens, Caller) {
        self.register("jane@example.com", Some("jane")).await.expect("registers");
        let tokens = self.sign_in("jane@example.com", PASSWORD).await.expect("signs in");
        let caller = self.identity.authenticate(&tokens.access).await.expect("authenticates");
        (tokens, caller)
    }

    pub(crate) async fn refresh(&self, token: &Secret) -> Result<IssuedTokens, RefreshError> {
        self.identity.refresh(token, &self.origin).await
    }

    pub(crate) async fn verify(&self, email: &str, code: &str) -> Result<(), VerifyEmailError> {
        let command = VerifyEmail { email: email.to_owned(), code: Secret::new(code) };
        self.identity.verify_email(command, &self.origin).await
    }

    pub(crate) async fn log(&self) -> Vec<Event> {
        let items = self.memory.read_feed(FeedCursor::START, 1_000).await.expect("reads");
        items.into_iter().map(|item| item.event).collect()
    }

    pub(crate) async fn types(&self) -> Vec<String> {
        self.log().await.iter().map(|event| event.event.event_type.to_string()).collect()
    }

    /// Whose address this is.
    pub(crate) async fn id_of(&self, email: &str) -> UserId {
        let user = self.memory.find_by_email(&Email::new(email)).await.expect("reads");
        user.expect("is registered").id
    }

    /// Everything that happened to an account.
    pub(crate) async fn history(&self, user: UserId) -> Vec<Event> {
        self.memory.read_stream(user.into(), 0, 1_000).await.expect("reads")
    }

    /// The code that the newest verification mail would hold.
    pub(crate) async fn mailed_code(&self, user: &User) -> String {
        let key = self.identity.data_key(user.id.into()).await.expect("reads").expect("a key");
        let events = self.log().await;
        let read = |event: &Event| UserEvent::read(&event.event, Some(&key)).ok();
        let code_id = events.iter().rev().filter_map(read).find_map(|event| match event {
            UserEvent::VerificationRequested { code_id, .. } => Some(code_id),
            _ => None,
        });
        code_digits(&key, code_id.expect("a code was asked for")).expose().to_owned()
    }
}

/// What somebody sends to register.
pub(crate) fn input(email: &str, username: Option<&str>) -> RegisterInput {
    RegisterInput {
        email: email.to_owned(),
        password: Password::new(PASSWORD),
        name: "Jane Doe".to_owned(),
        username: username.map(str::to_owned),
        phone: None,
        business_type: None,
        business_number: None,
        industry: None,
        region: None,
        language: Language::En,
    }
}
