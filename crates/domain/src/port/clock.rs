use chrono::{DateTime, Utc};

/// The time of day.
///
/// # Contract
///
/// * Times are whole microseconds, which every store keeps without loss.
/// * It may jump either way, as clocks do; nothing but expiry is decided by it.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> DateTime<Utc>;
}
