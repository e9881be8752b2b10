//! A company's life through the use cases, on the memory adapter: what the pure rules cannot show by themselves.

mod invitation;
mod log;
mod member;
mod register;
#[path = "../support/mod.rs"]
mod support;
mod world;
