//! The login history's partitions, one a month, made by the first process that writes into the month before.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Datelike, Months, Utc};
use diesel::{sql_query, sql_types::Timestamptz};
use diesel_async::RunQueryDsl;
use portcullis_domain::port::StoreError;
use tokio::time::sleep;

use crate::{
    connection::{Connections, error_text},
    error::engine,
};

/// How long one that could not be made is let be: its lines are kept meanwhile, where they are slower to drop.
const PAUSE: Duration = Duration::from_secs(60);

/// A year and a month of it.
type Month = (i32, u32);

pub(super) struct Partitions {
    connections: Arc<Connections>,
    /// Those that this process has asked for.
    asked: Mutex<BTreeSet<Month>>,
}

impl Partitions {
    pub(super) fn new(connections: Arc<Connections>) -> Self {
        Self { connections, asked: Mutex::default() }
    }

    /// Sees to the partitions of these times and of the months after them, in the background.
    pub(super) fn prepare(self: &Arc<Self>, times: impl IntoIterator<Item = DateTime<Utc>>) {
        let times = times.into_iter().flat_map(|at| [Some(at), at.checked_add_months(Months::new(1))]);
        let new: Vec<_> = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            times.flatten().filter(|at| asked.insert(month(*at))).collect()
        };
        if !new.is_empty() {
            tokio::spawn(Arc::clone(self).make(new));
        }
    }

    async fn make(self: Arc<Self>, times: Vec<DateTime<Utc>>) {
        let mut failed = Vec::new();
        for at in times {
            if let Err(error) = self.make_one(at).await {
                let reason = error_text(&error);
                tracing::warn!(reason, "no partition was made for a month of the login history");
                failed.push(at);
            }
        }
        if !failed.is_empty() {
            sleep(PAUSE).await;
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.retain(|asked| failed.iter().all(|at| month(*at) != *asked));
        }
    }

    async fn make_one(&self, at: DateTime<Utc>) -> Result<(), StoreError> {
        let statement = sql_query("SELECT make_login_attempts_partition($1)").bind::<Timestamptz, _>(at);
        statement.execute(&mut self.connections.get().await?).await.map(drop).map_err(engine)
    }
}

fn month(at: DateTime<Utc>) -> Month {
    (at.year(), at.month())
}
