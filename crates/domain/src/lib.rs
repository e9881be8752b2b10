#![doc = include_str!("../README.md")]

pub mod administration;
pub mod api_key;
pub mod audit;
pub mod caller;
pub mod checkpoint;
pub mod code;
pub mod commit;
pub mod company;
pub mod event;
pub mod feature;
pub mod id;
pub mod identity;
pub mod introspection;
pub mod key_ring;
pub mod message;
pub mod port;
pub mod privacy;
pub mod replay;
pub mod retention;
pub mod seal;
pub mod session;
pub mod stream;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod token;
pub mod user;
pub mod value;
pub mod verification;

pub use identity::{Identity, Policy, Ports};
