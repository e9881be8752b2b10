//! What the store does by itself after commits, while nobody waits for it; and `scrub`, which it does when it is told to.

mod partition;
mod scrub;
mod vacuum;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use portcullis_domain::commit::{Commit, RowChange};

use crate::connection::{Connections, Server};
use partition::Partitions;
pub(crate) use scrub::scrub;
use vacuum::Vacuum;

/// Every table that holds something of a person.
const TABLES_OF_PEOPLE: &str = "users, credentials, sessions, one_time_codes, members, invitations, login_attempts, accesses, api_keys, stream_states, snapshots, subject_keys, claims";

pub(crate) struct Upkeep {
    partitions: Arc<Partitions>,
    vacuum: Vacuum,
}

impl Upkeep {
    pub(crate) fn start(server: Server, connections: Arc<Connections>) -> Self {
        Self { partitions: Arc::new(Partitions::new(connections)), vacuum: Vacuum::start(server) }
    }

    /// A commit was applied.
    pub(crate) fn committed(&self, commit: &Commit) {
        let attempts = commit.rows.iter().filter_map(|change| match change {
            RowChange::PutLoginAttempt(attempt) => Some(attempt.at),
            _ => None,
        });
        self.partitions.prepare(attempts);
        if !commit.shred.is_empty() {
            self.vacuum.shredded();
        }
    }

    /// Attempts to sign in were recorded.
    pub(crate) fn attempted(&self, times: &[DateTime<Utc>]) {
        self.partitions.prepare(times.iter().copied());
    }

    /// Abandons what is under way: the server undoes what was half done.
    pub(crate) fn close(&self) {
        self.vacuum.close();
    }
}
