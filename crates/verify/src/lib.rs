#![doc = include_str!("../README.md")]

mod bearer;
mod builder;
mod cache;
mod claims;
mod fetch;
mod key_set;
mod verifier;

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "poem")]
pub mod poem;
#[cfg(feature = "tower")]
pub mod tower;

pub use bearer::Refusal;
pub use builder::{BuildError, Builder};
pub use claims::Claims;
pub use fetch::FetchError;
pub use key_set::Format;
pub use portcullis_domain::{
    caller::{Permission, Role},
    id::{CompanyId, SessionId, TokenId, UserId},
    port::AccessClaims,
};
pub use verifier::{Verifier, VerifyError};
