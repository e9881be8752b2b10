//! Test support: given/when/then over events, a clock that is set by hand, a seeded source of randomness.

mod checkpoint;
mod clock;
mod entropy;
mod given;
mod given_company;

pub use checkpoint::{PlainKeys, feed};
pub use clock::ManualClock;
pub use entropy::SeededEntropy;
pub use given::{Given, Outcome, created, given};
pub use given_company::{
    CompanyOutcome, GivenCompany, asked, company_created, given_company, invitation, joined, person,
};
