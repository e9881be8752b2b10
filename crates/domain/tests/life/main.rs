//! Life with the use cases, on the memory adapter: what the pure rules cannot show by themselves.

mod account;
mod administration;
mod api_key;
mod audit;
mod feature;
mod long_stream;
mod meeting;
mod privacy;
mod relay;
mod retention;
mod session;
mod stream;
#[path = "../support/mod.rs"]
mod support;
mod world;
