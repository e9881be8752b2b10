//! The cases, written out: one file a port, or a folder of files where the contract is long.

pub(crate) mod access;
pub(crate) mod attempt_counter;
pub(crate) mod checkpoint;
pub(crate) mod checkpoint_keys;
pub(crate) mod company;
pub(crate) mod credential;
pub(crate) mod event_search;
pub(crate) mod event_store;
pub(crate) mod idempotency_key;
pub(crate) mod invitation;
pub(crate) mod login_history;
pub(crate) mod mailer;
pub(crate) mod member;
pub(crate) mod one_time_code;
pub(crate) mod password_hasher;
pub(crate) mod publisher;
pub(crate) mod rate_limiter;
pub(crate) mod retention;
pub(crate) mod session;
pub(crate) mod session_cache;
pub(crate) mod signing_key;
pub(crate) mod stream;
pub(crate) mod subject_key;
pub(crate) mod subscription;
pub(crate) mod token;
pub(crate) mod user;
