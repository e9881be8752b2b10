use chrono::{DateTime, Datelike, Months, NaiveTime, Utc};
use thiserror::Error;

use super::Horizon;
use crate::{
    checkpoint::{SignedCheckpoint, Tip},
    event::EventType,
    port::{Checkpoints, Retention, StoreError, Subscriptions},
};

/// Each may be of some megabytes.
const PAGE: usize = 10;

/// What an archive would hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivePlan {
    /// Up to where the log is in archives already.
    pub horizon: Option<Horizon>,
    /// The last checkpoint of this one.
    pub tip: Tip,
    /// When that checkpoint was made.
    pub made_at: DateTime<Utc>,
}

/// Why nothing may be moved away yet.
#[derive(Debug, Error)]
pub enum PlanError {
    /// Somebody has not read it.
    #[error(
        "the subscription {0} has not read these events yet; let it catch up, see `portcullis subscriptions list`"
    )]
    Behind(String),
    /// Somebody may still want to read it again.
    #[error(
        "the subscription {subscription} has put one of these events aside, of type {event_type}; replay or remove it first, see `portcullis subscriptions`"
    )]
    PutAside {
        /// Who.
        subscription: String,
        /// The event's type.
        event_type: EventType,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ArchivePlan {
    /// How many events it would hold.
    pub fn events(&self) -> u64 {
        self.tip.count - self.horizon.as_ref().map_or(0, |horizon| horizon.tip.count)
    }
}

/// The beginning of the oldest month that is kept: so many whole months are, beside the one that runs.
pub fn oldest_kept(now: DateTime<Utc>, months: u32) -> DateTime<Utc> {
    let date = now.date_naive();
    let first = date.with_day(1).and_then(|first| first.checked_sub_months(Months::new(months)));
    first.map_or(DateTime::<Utc>::MIN_UTC, |first| first.and_time(NaiveTime::MIN).and_utc())
}

/// What may be moved away of the log before a time: as far as a checkpoint reaches that was made before it, and never the events of the newest
/// checkpoint, so that there is something that the log goes on from. `None` where that is nothing.
pub async fn plan_archive(
    checkpoints: &dyn Checkpoints,
    retention: &dyn Retention,
    subscriptions: &dyn Subscriptions,
    before: DateTime<Utc>,
) -> Result<Option<ArchivePlan>, PlanError> {
    let horizon = retention.horizon().await?;
    let mut number = horizon.as_ref().map_or(0, |horizon| horizon.tip.number);
    let (mut newest, mut last): (Option<SignedCheckpoint>, Option<SignedCheckpoint>) = (None, None);
    'reading: loop {
        let page = checkpoints.list(number, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for signed in page {
            number = signed.checkpoint.number;
            // There is one after it.
            last = newest.take().or(last);
            if signed.checkpoint.made_at >= before {
                break 'reading;
            }
            newest = Some(signed);
        }
    }
    let Some(last) = last else { return Ok(None) };
    let plan = ArchivePlan { horizon, tip: last.tip(), made_at: last.checkpoint.made_at };
    for state in subscriptions.list().await? {
        if state.cursor < plan.tip.cursor {
            return Err(PlanError::Behind(state.name));
        }
        let letter = subscriptions.list_dead_letters(&state.name, 1).await?.into_iter().next();
        if let Some(letter) = letter.filter(|letter| letter.cursor <= plan.tip.cursor) {
            return Err(PlanError::PutAside { subscription: state.name, event_type: letter.event_type });
        }
    }
    Ok(Some(plan))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    #[test]
    fn whole_months_are_kept() {
        assert_eq!(oldest_kept(at("2026-11-28T15:00:00Z"), 1), at("2026-10-01T00:00:00Z"));
        assert_eq!(oldest_kept(at("2026-03-31T00:00:00Z"), 1), at("2026-02-01T00:00:00Z"));
        assert_eq!(oldest_kept(at("2026-03-31T00:00:00Z"), 24), at("2024-03-01T00:00:00Z"));
        assert_eq!(oldest_kept(at("2026-03-31T00:00:00Z"), u32::MAX), DateTime::<Utc>::MIN_UTC);
    }
}
