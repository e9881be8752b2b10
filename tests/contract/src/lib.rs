//! The contract every Portcullis adapter must keep, as tests that anyone can run on an adapter of their own.
//!
//! Each port of `portcullis-domain` documents a `# Contract`. Here each line of it is quoted with the cases that enforce it,
//! and each port has one macro that makes every case a test of its own: `event_store_contract!(MyHarness)`. A harness
//! ([`StoreHarness`], [`TokensHarness`] and others) says how to start what is tested, fresh for each case. `README.md` shows a whole one.

// A case that is written and not listed below would never run: it does not compile.
#![deny(dead_code)]
#![expect(
    clippy::missing_panics_doc,
    reason = "a case panics where the contract is broken, and says so by its name"
)]

mod case;
mod contract;
mod harness;
mod list;
mod race;
mod run;
mod sample;
mod session_rules;
mod span;

pub use harness::{
    AttemptCountersHarness, CheckpointKeysHarness, Delivered, MailerHarness, Outage, PasswordHasherHarness,
    PublisherHarness, RateLimiterHarness, SessionCacheHarness, StoreHarness, StorePorts, TokensHarness,
};
pub use list::{
    accesses, api_keys, attempt_counters, checkpoint_signer, checkpoint_verifier, checkpoints, companies,
    credentials, event_search, event_store, feature_usages, features, idempotency_keys, invitations,
    login_history, mailer, members, one_time_codes, password_hasher, publisher, rate_limiter, replays,
    retention, session_cache, sessions, signing_keys, streams, subject_keys, subscriptions, tokens, users,
};
pub use run::run;
pub use session_rules::session_rules;

/// Makes a test of the rules of sessions, drawn at random and compared with a model, on a store: called with its [`StoreHarness`].
#[macro_export]
macro_rules! session_rules {
    ($harness:ty) => {
        #[test]
        fn sessions_and_their_refresh_tokens_keep_the_rules_whatever_happens() {
            $crate::session_rules::<$harness>();
        }
    };
}
