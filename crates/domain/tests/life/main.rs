//! Life with the use cases, on the memory adapter: what the pure rules cannot show by themselves.

mod account;
mod administration;
mod meeting;
mod privacy;
mod session;
mod stream;
#[path = "../support/mod.rs"]
mod support;
mod world;
