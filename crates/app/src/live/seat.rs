use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use thiserror::Error;
use uuid::Uuid;

/// How many feeds are open, in all and of each account.
#[derive(Clone)]
pub(super) struct Seats {
    all: usize,
    of_one: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_account: HashMap<Uuid, usize>,
}

/// A place for one feed, given back when it is dropped.
pub(super) struct Seat {
    account: Uuid,
    seats: Seats,
}

/// Why a feed is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum NoSeat {
    /// The account has as many open as one may.
    #[error("the account has as many feeds open as it may")]
    OfOne,
    /// The replica has as many open as it keeps.
    #[error("as many feeds are open as may be")]
    OfAll,
}

impl Seats {
    pub(super) fn new(all: usize, of_one: usize) -> Self {
        Self { all, of_one, taken: Arc::default() }
    }

    pub(super) fn take(&self, account: Uuid) -> Result<Seat, NoSeat> {
        let mut taken = self.lock();
        if taken.all >= self.all {
            return Err(NoSeat::OfAll);
        }
        let of_account = taken.by_account.entry(account).or_default();
        if *of_account >= self.of_one {
            return Err(NoSeat::OfOne);
        }
        *of_account += 1;
        taken.all += 1;
        Ok(Seat { account, seats: self.clone() })
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        taken.all -= 1;
        if let Some(of_account) = taken.by_account.get_mut(&self.account) {
            *of_account -= 1;
            if *of_account == 0 {
                taken.by_account.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_account_takes_no_more_than_its_share_and_all_together_no_more_than_there_are() {
        let seats = Seats::new(3, 2);
        let [jane, john] = [Uuid::from_u128(1), Uuid::from_u128(2)];
        let first = seats.take(jane).expect("free");
        let _second = seats.take(jane).expect("free");
        assert_eq!(seats.take(jane).err(), Some(NoSeat::OfOne));
        let _third = seats.take(john).expect("free");
        assert_eq!(seats.take(john).err(), Some(NoSeat::OfAll));
        drop(first);
        assert_eq!(seats.taken(), 2);
        assert!(seats.take(jane).is_ok());
    }
}
