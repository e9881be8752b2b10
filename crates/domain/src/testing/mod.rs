//! Test support: given/when/then over events, a clock that is set by hand, a seeded source of randomness.

mod clock;
mod entropy;
mod given;

pub use clock::ManualClock;
pub use entropy::SeededEntropy;
pub use given::{Given, Outcome, created, given};
