use chrono::{DateTime, SubsecRound, Utc};
use portcullis_domain::port::Clock;

/// Digits of a second that every store keeps.
const MICROSECONDS: u16 = 6;

/// The operating system's clock, cut to microseconds. Fit for production.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the `Clock` port")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(MICROSECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the port is compared with what it reads")]
    fn the_time_is_in_whole_microseconds_and_is_now() {
        let before = Utc::now() - chrono::TimeDelta::microseconds(1);
        let now = SystemClock.now();
        assert_eq!(now.timestamp_subsec_nanos() % 1_000, 0);
        assert!(before <= now && now <= Utc::now(), "{now}");
    }
}
