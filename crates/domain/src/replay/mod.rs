//! Rebuilds the rows that follow from events, from the log's first event on, beside those that are in use, and puts them in their place.
//!
//! Derived rows are users, companies, memberships, states of streams, features and the unique keys they hold. What no event tells is left as it is:
//! credentials, API keys, sessions, one-time codes, invitations, histories, requests, counts and keys (see `docs/adr`).

mod fold;
mod rebuild;

pub use fold::{DerivedRows, Wanted};
pub use rebuild::{ReplayError, ReplayProgress, ReplayReport, Swap};

use crate::{event::EventHash, port::FeedCursor};

/// How far a replay has come: the last event that it has folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its place.
    pub cursor: FeedCursor,
    /// Its hash: a log that was restored from elsewhere meanwhile has another there.
    pub hash: EventHash,
}

impl Mark {
    /// Before the first event.
    pub const START: Self = Self { cursor: FeedCursor::START, hash: EventHash::GENESIS };
}

/// How a table is, compared with what the log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableComparison {
    /// Its name.
    pub table: &'static str,
    /// How many rows it must have.
    pub rows: u64,
    /// How many rows it has that are not, or not so, what the log says.
    pub wrong: u64,
    /// How many rows it lacks, or has otherwise.
    pub lacking: u64,
}

impl TableComparison {
    /// To the byte.
    pub const fn is_identical(&self) -> bool {
        self.wrong == 0 && self.lacking == 0
    }
}
