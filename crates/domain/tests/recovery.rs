//! Ways back into an account as time goes by, on the memory adapter and a clock that is set by hand.

use std::{sync::Arc, time::Duration};

use portcullis_domain::{
    Identity, Policy, Ports,
    caller::Origin,
    event::Event,
    id::UserId,
    port::{EventStore, FeedCursor},
    seal::MasterKey,
    session::{SignIn, SignInError},
    testing::{ManualClock, SeededEntropy},
    user::{Register, RegisterInput, UserEvent},
    value::{Language, Password, Secret},
    verification::{
        ResetPassword, ResetPasswordError, VerifyEmail, VerifyEmailError, code_digits, reset_token,
    },
};
use portcullis_memory::Memory;

const EMAIL: &str = "jane@example.com";
const PASSWORD: &str = "Tr4vel-light";
const NEW: &str = "N3w-lantern!";
const MINUTE: Duration = Duration::from_secs(60);

struct World {
    identity: Identity,
    clock: Arc<ManualClock>,
    memory: Arc<Memory>,
    origin: Origin,
    user: UserId,
}

impl World {
    /// A world with one account that waits for its verification.
    async fn new() -> Self {
        let memory = Arc::new(Memory::new());
        let clock = Arc::new(ManualClock::new());
        let entropy = SeededEntropy::new(7);
        let ports = Ports {
            clock: clock.clone(),
            master_key: MasterKey::generate(&entropy),
            entropy: Arc::new(entropy),
            ..memory.ports()
        };
        let (identity, origin) = (Identity::new(ports, Policy::default()), Origin::default());
        let input = RegisterInput {
            email: EMAIL.to_owned(),
            password: Password::new(PASSWORD),
            name: "Jane Doe".to_owned(),
            username: None,
            phone: None,
            business_type: None,
            business_number: None,
            industry: None,
            region: None,
            language: Language::Ko,
        };
        let user =
            identity.register(Register::parse(input).expect("valid"), &origin).await.expect("registers");
        Self { identity, clock, memory, origin, user: user.user.id }
    }

    async fn events(&self) -> Vec<UserEvent> {
        let items = self.memory.read_feed(FeedCursor::START, 1_000).await.expect("reads");
        let key = self.identity.data_key(self.user.into()).await.expect("reads").expect("a key");
        let read = |event: Event| UserEvent::read(&event.event, Some(&key)).expect("reads");
        items.into_iter().map(|item| read(item.event)).collect()
    }

    /// The codes that were mailed, oldest first.
    async fn codes(&self) -> Vec<String> {
        let key = self.identity.data_key(self.user.into()).await.expect("reads").expect("a key");
        let codes = self.events().await.into_iter().filter_map(|event| match event {
            UserEvent::VerificationRequested { code_id, .. } => Some(code_digits(&key, code_id)),
            _ => None,
        });
        codes.map(|code| code.expose().to_owned()).collect()
    }

    /// The tokens that were mailed, oldest first.
    async fn tokens(&self) -> Vec<Secret> {
        let key = self.identity.data_key(self.user.into()).await.expect("reads").expect("a key");
        let tokens = self.events().await.into_iter().filter_map(|event| match event {
            UserEvent::PasswordResetRequested { code_id, .. } => Some(reset_token(&key, self.user, code_id)),
            _ => None,
        });
        tokens.collect()
    }

    async fn resend(&self) {
        self.identity.resend_verification(EMAIL, Some(Language::Ru), &self.origin).await.expect("answers");
    }

    async fn forgot(&self) {
        self.identity.forgot_password(EMAIL, Some(Language::Ru), &self.origin).await.expect("answers");
    }

    async fn verify(&self, code: &str) -> Result<(), VerifyEmailError> {
        let command = VerifyEmail { email: EMAIL.to_owned(), code: Secret::new(code) };
        self.identity.verify_email(command, &self.origin).await
    }

    async fn reset(&self, token: &Secret, password: &str) -> Result<(), ResetPasswordError> {
        let command = ResetPassword { token: token.clone(), new_password: Password::new(password) };
        self.identity.reset_password(command, &self.origin).await
    }

    async fn sign_in(&self, password: &str) -> Result<(), SignInError> {
        let command = SignIn::parse(Some(EMAIL.to_owned()), None, Password::new(password))?;
        self.identity.sign_in(command, &self.origin).await.map(|_| ())
    }
}

#[tokio::test]
async fn a_code_that_is_sent_again_a_minute_later_voids_the_one_before() {
    let world = World::new().await;
    world.resend().await;
    assert_eq!(world.codes().await.len(), 1, "the first was only just sent");
    world.clock.advance(MINUTE);
    world.resend().await;
    let codes = world.codes().await;
    let [first, second] = &codes[..] else { panic!("{codes:?}") };
    assert!(matches!(world.verify(first).await, Err(VerifyEmailError::CodeInvalid)));
    world.verify(second).await.expect("verifies");
    world.clock.advance(MINUTE);
    world.resend().await;
    assert_eq!(world.codes().await.len(), 2, "who is verified needs none");
}

#[tokio::test]
async fn a_code_that_ran_out_can_be_sent_again() {
    let world = World::new().await;
    world.clock.advance(MINUTE * 31);
    world.resend().await;
    world.verify(&world.codes().await[1]).await.expect("verifies");
}

#[tokio::test]
async fn a_token_is_good_for_fifteen_minutes() {
    let world = World::new().await;
    world.forgot().await;
    world.clock.advance(MINUTE * 15);
    let tokens = world.tokens().await;
    assert!(matches!(world.reset(&tokens[0], NEW).await, Err(ResetPasswordError::CodeInvalid)));
    world.forgot().await;
    world.clock.advance(Duration::from_secs(15 * 60 - 1));
    world.reset(&world.tokens().await[1], NEW).await.expect("resets");
    world.sign_in(NEW).await.expect("signs in: the address counts as verified");
}

#[tokio::test]
async fn a_token_that_is_sent_again_voids_the_one_before() {
    let world = World::new().await;
    world.forgot().await;
    world.forgot().await;
    assert_eq!(world.tokens().await.len(), 1, "the first was only just sent");
    world.clock.advance(MINUTE);
    world.forgot().await;
    let tokens = world.tokens().await;
    assert!(matches!(world.reset(&tokens[0], NEW).await, Err(ResetPasswordError::CodeInvalid)));
    world.reset(&tokens[1], NEW).await.expect("resets");
    assert!(matches!(world.sign_in(PASSWORD).await, Err(SignInError::InvalidCredentials)));
}

#[tokio::test]
async fn nobody_is_written_to_whose_address_nobody_registered() {
    let world = World::new().await;
    let before = world.events().await.len();
    for email in ["nobody@example.com", "no address", ""] {
        world.identity.forgot_password(email, None, &world.origin).await.expect("answers");
        world.identity.resend_verification(email, None, &world.origin).await.expect("answers");
    }
    assert_eq!(world.events().await.len(), before);
}

#[tokio::test]
async fn who_asks_for_no_language_is_written_to_in_that_of_the_mail_before() {
    let world = World::new().await;
    let languages = async || {
        let asked = world.events().await.into_iter().filter_map(|event| match event {
            UserEvent::VerificationRequested { language, .. }
            | UserEvent::PasswordResetRequested { language, .. } => Some(language),
            _ => None,
        });
        asked.collect::<Vec<_>>()
    };
    // Registered in Korean.
    world.identity.forgot_password(EMAIL, None, &world.origin).await.expect("answers");
    world.clock.advance(MINUTE);
    world.resend().await;
    world.clock.advance(MINUTE);
    world.identity.resend_verification(EMAIL, None, &world.origin).await.expect("answers");
    assert_eq!(languages().await, [Language::Ko, Language::Ko, Language::Ru, Language::Ru]);
}
