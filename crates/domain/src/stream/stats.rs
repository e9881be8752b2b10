use chrono::{DateTime, TimeDelta, Utc};

use super::{StreamError, StreamEvent};
use crate::{
    caller::Caller, event::EventType, id::StreamId, identity::Identity, port::StreamStatistics,
    user::UserEvent,
};

/// Since when sign-ins are counted, in days.
const RECENT_DAYS: [i64; 3] = [1, 7, 30];

/// A stream in numbers, as its readers are shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamStats {
    /// Its events.
    pub statistics: StreamStatistics,
    /// Snapshots that were ever taken.
    pub snapshots: u64,
    /// Sign-ins in the last day, seven days and thirty days.
    pub sign_ins: [u64; 3],
}

impl Identity {
    /// A stream in numbers.
    pub async fn stream_stats(&self, caller: &Caller, stream: StreamId) -> Result<StreamStats, StreamError> {
        self.reach_stream(caller, stream).await?;
        let now = self.now();
        let logged_in = EventType::new(UserEvent::LOGGED_IN);
        let mut recent = RECENT_DAYS.map(|days| (logged_in.clone(), now - TimeDelta::days(days))).to_vec();
        recent.push((EventType::new(StreamEvent::SNAPSHOT_TAKEN), DateTime::<Utc>::UNIX_EPOCH));
        let statistics = self.ports().event_search.statistics(stream, &recent).await?;
        let count = |place: usize| statistics.recent.get(place).copied().unwrap_or_default();
        Ok(StreamStats { sign_ins: [count(0), count(1), count(2)], snapshots: count(3), statistics })
    }
}
