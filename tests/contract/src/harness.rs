use std::sync::Arc;

use async_trait::async_trait;
use portcullis_domain::port::{
    Credentials, EventStore, Mailer, OneTimeCodes, PasswordHasher, Sessions, SigningKeys, SubjectKeys,
    Subscriptions, Tokens, Users,
};

/// Starts a store. For `event_store_contract!` and the contracts of everything that commits write.
#[async_trait]
pub trait StoreHarness: Sized + Send + Sync + 'static {
    /// An empty store that nobody else uses, as each case gets one. What it needs (a folder, a database) goes when the
    /// harness is dropped. A server that should be there and is not must panic here, never skip.
    async fn start() -> Self;

    /// Ends the store and starts it again on what it kept, as a process does that was lost. A store that lives in memory
    /// by design returns itself.
    async fn restart(self) -> Self;

    /// The store's ports.
    fn ports(&self) -> StorePorts;
}

/// The ports of one store.
#[derive(Clone)]
pub struct StorePorts {
    /// The log and the commits.
    pub events: Arc<dyn EventStore>,
    /// Users.
    pub users: Arc<dyn Users>,
    /// Password hashes.
    pub credentials: Arc<dyn Credentials>,
    /// Sessions.
    pub sessions: Arc<dyn Sessions>,
    /// Codes sent by mail.
    pub one_time_codes: Arc<dyn OneTimeCodes>,
    /// Data keys.
    pub subject_keys: Arc<dyn SubjectKeys>,
    /// Signing keys.
    pub signing_keys: Arc<dyn SigningKeys>,
    /// Cursors.
    pub subscriptions: Arc<dyn Subscriptions>,
}

/// Starts a maker of tokens. For `tokens_contract!`.
#[async_trait]
pub trait TokensHarness: Sized + Send + Sync + 'static {
    /// With keys of its own.
    async fn start() -> Self;

    /// The tokens to test, set to allow nothing before `issued_at`.
    fn tokens(&self) -> Arc<dyn Tokens>;

    /// Others, each with what it differs in: another key at least, and where the adapter has them another issuer, another
    /// audience. Neither side may believe the other's tokens.
    fn strangers(&self) -> Vec<(&'static str, Arc<dyn Tokens>)>;
}

/// Starts a hasher of passwords. For `password_hasher_contract!`.
///
/// Parameters may be as low as they go, so that the cases end soon; only the work of one check must take long enough to be
/// told from none (some microseconds do).
#[async_trait]
pub trait PasswordHasherHarness: Sized + Send + Sync + 'static {
    /// With room for sixteen at a time at least.
    async fn start() -> Self;

    /// The hasher to test.
    fn hasher(&self) -> Arc<dyn PasswordHasher>;

    /// One with other parameters, whose hashes the first reads.
    fn other_parameters(&self) -> Arc<dyn PasswordHasher>;

    /// One whose queue 200 checks at once overflow.
    fn short_queue(&self) -> Arc<dyn PasswordHasher>;
}

/// Starts a mailer. For `mailer_contract!`.
#[async_trait]
pub trait MailerHarness: Sized + Send + Sync + 'static {
    /// With an empty mailbox at the other end.
    async fn start() -> Self;

    /// The mailer to test.
    fn mailer(&self) -> Arc<dyn Mailer>;

    /// All mails that arrived, oldest first, read as a mail program reads them.
    async fn delivered(&self) -> Vec<Delivered>;
}

/// A mail as its reader sees it: encodings undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The addresses it went to, bare.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The text; line ends in either convention.
    pub text: String,
    /// The names of all headers that were sent, where mails have headers.
    pub headers: Vec<String>,
}
