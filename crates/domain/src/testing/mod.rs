//! Test support: a clock that is set by hand, a seeded source of randomness.

mod clock;
mod entropy;

pub use clock::ManualClock;
pub use entropy::SeededEntropy;
