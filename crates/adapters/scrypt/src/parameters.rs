use thiserror::Error;

use crate::cost::Cost;

/// What a hash costs: RFC 7914's N (as its binary logarithm), r and p.
///
/// The default, 2^15, 8 and 3, is one of the settings OWASP calls equivalent: 32 MiB and about 0.18 seconds of one core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    log_n: u8,
    r: u32,
    p: u32,
}

/// The parameters make no hash that this software would compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParametersError {
    /// Outside what RFC 7914 defines.
    #[error("scrypt needs log_n of 1 to {MAX_LOG_N}, and r and p of at least 1 whose product is below 2^30")]
    Range,
    /// More than a server has to spare.
    #[error("one hash would take {0} bytes of memory; at most {MAX_MEMORY} are allowed")]
    Memory(u64),
}

const MAX_LOG_N: u8 = 30;
const MAX_MEMORY: u64 = 4 << 30;
impl Parameters {
    /// Takes parameters from a configuration or a stored hash.
    pub fn new(log_n: u8, r: u32, p: u32) -> Result<Self, ParametersError> {
        let product = u64::from(r) * u64::from(p);
        if !(1..=MAX_LOG_N).contains(&log_n) || product == 0 || product >= 1 << 30 {
            return Err(ParametersError::Range);
        }
        let parameters = Self { log_n, r, p };
        match parameters.memory() {
            0..=MAX_MEMORY => Ok(parameters),
            memory => Err(ParametersError::Memory(memory)),
        }
    }

    /// How many bytes one hash takes while it is made: 128·r·N, and a little.
    pub const fn memory(&self) -> u64 {
        let block = 128 * self.r as u64;
        block.saturating_mul((1 << self.log_n) + self.p as u64 + 1)
    }

    /// Log₂ of N.
    pub const fn log_n(&self) -> u8 {
        self.log_n
    }

    /// The block size.
    pub const fn r(&self) -> u32 {
        self.r
    }

    /// How many independent runs are mixed.
    pub const fn p(&self) -> u32 {
        self.p
    }

    /// What one hash costs.
    pub(crate) const fn cost(&self) -> Cost {
        Cost { memory: self.memory(), work: self.work() }
    }

    const fn work(&self) -> u64 {
        ((self.r as u64) << self.log_n).saturating_mul(self.p as u64)
    }

    /// What costs, together, as much time as `self` costs more than `stored`, to within a thirty-second of what `self` costs.
    /// It has the block size of `self` and never takes more memory, so that its time a unit of work is about the same.
    pub(crate) fn supplement(&self, stored: &Cost) -> Vec<Self> {
        let mut missing = self.work().saturating_sub(stored.work);
        let negligible = self.work() / 32;
        let mut supplement = Vec::new();
        for log_n in (1..=self.log_n).rev() {
            if missing <= negligible {
                break;
            }
            let run = u64::from(self.r) << log_n;
            if let Ok(p @ 1..) = u32::try_from(missing / run) {
                supplement.push(Self { log_n, p, ..*self });
                missing %= run;
            }
        }
        supplement
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self { log_n: 15, r: 8, p: 3 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(log_n: u8, r: u32, p: u32) -> Parameters {
        Parameters::new(log_n, r, p).expect("possible parameters")
    }

    fn allows(current: &Parameters, stored: &Parameters) -> bool {
        stored.cost().is_affordable_beside(&current.cost())
    }

    #[test]
    fn one_hash_takes_128_times_r_times_n_and_a_few_blocks() {
        assert_eq!(Parameters::default().memory(), (32 << 20) + 4 * 1024);
    }

    #[test]
    fn parameters_that_scrypt_does_not_define_are_refused() {
        for (log_n, r, p) in
            [(0, 8, 1), (31, 8, 1), (255, 8, 1), (15, 0, 1), (15, 8, 0), (1, 1 << 15, 1 << 15)]
        {
            assert_eq!(Parameters::new(log_n, r, p), Err(ParametersError::Range), "{log_n} {r} {p}");
        }
        assert_eq!(Parameters::new(1, u32::MAX, u32::MAX), Err(ParametersError::Range));
    }

    #[test]
    fn parameters_that_no_server_has_the_memory_for_are_refused() {
        for (log_n, r, p) in [(30, 8, 1), (22, 8, 1), (1, (1 << 30) - 1, 1), (30, (1 << 30) - 1, 1)] {
            let refused = Parameters::new(log_n, r, p);
            assert!(matches!(refused, Err(ParametersError::Memory(_))), "{refused:?}");
        }
    }

    #[test]
    fn a_stored_hash_may_cost_what_anybody_sane_once_configured_and_no_more() {
        let current = Parameters::default();
        for (log_n, r, p) in [(17, 8, 1), (14, 8, 5), (18, 8, 2), (1, 1, 1)] {
            assert!(allows(&current, &parameters(log_n, r, p)), "{log_n} {r} {p}");
        }
        for (log_n, r, p) in [(20, 8, 1), (19, 8, 1), (10, 8, 10_000), (15, 8, 100), (1, 1 << 23, 1)] {
            assert!(!allows(&current, &parameters(log_n, r, p)), "{log_n} {r} {p}");
        }
    }

    #[test]
    fn a_cheaper_hash_and_its_supplement_cost_what_is_configured_now_in_no_more_memory() {
        for current in
            [parameters(15, 8, 3), parameters(17, 8, 1), parameters(14, 8, 5), parameters(10, 1, 1)]
        {
            for stored in [
                (1, 1, 1),
                (10, 1, 1),
                (12, 8, 1),
                (13, 8, 3),
                (13, 9, 7),
                (14, 8, 1),
                (15, 8, 1),
                (15, 8, 2),
                (16, 8, 1),
                (15, 1, 20),
            ] {
                let stored = parameters(stored.0, stored.1, stored.2);
                let supplement = current.supplement(&stored.cost());
                assert!(supplement.iter().all(|part| part.memory() <= current.memory()), "{supplement:?}");
                let work = supplement.iter().map(Parameters::work).sum::<u64>();
                let total = stored.work() + work;
                if stored.work() >= current.work() {
                    assert_eq!(work, 0, "{stored:?}");
                } else {
                    assert!(total <= current.work(), "{stored:?} {supplement:?}");
                    assert!(total * 32 >= current.work() * 31, "{stored:?} {supplement:?}");
                }
            }
            assert_eq!(current.supplement(&current.cost()), []);
        }
    }

    #[test]
    fn what_is_configured_now_is_always_allowed() {
        let large = parameters(21, 8, 1);
        assert!(allows(&large, &large));
    }
}
