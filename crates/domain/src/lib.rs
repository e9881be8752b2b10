//! Identity and authentication as a library: entities, value objects, events, ports and use cases, without I/O.
//!
//! [`Identity`] is the one type to hold. It needs its [`Ports`](identity::Ports) filled by adapters; the memory adapter fills
//! all of them, which is where tests and embedders start.
//!
//! The way through the code: a use case (`user/register.rs`) parses its input into value objects, loads, decides purely, and
//! hands the decision to [`Identity`], which seals it into a [`commit::Commit`]: events, unique keys and rows that a store
//! applies all or nothing.

pub mod audit;
pub mod caller;
pub mod code;
pub mod commit;
pub mod event;
pub mod id;
pub mod identity;
pub mod key_ring;
pub mod port;
pub mod seal;
pub mod session;
#[cfg(feature = "testing")]
pub mod testing;
pub mod user;
pub mod value;
pub mod verification;

pub use identity::{Identity, Policy, Ports};
