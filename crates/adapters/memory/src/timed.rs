//! What the cache, the limiter and the counters are kept in.

use std::{
    hash::Hash,
    time::{Duration, Instant},
};

use moka::{Expiry, ops::compute::Op, policy::EvictionPolicy, sync::Cache};

/// Enough for a busy service; some tens of megabytes when it is full.
pub(crate) const CAPACITY: u64 = 100_000;

/// A map whose entries end, each at its time, and whose size is bounded, however many keys an attacker thinks of: beyond
/// the capacity, the entries that were left alone for longest go first.
///
/// Least recently used rather than moka's own choice, which may turn away what is new in favour of what is popular: a count
/// that is turned away is never begun.
pub(crate) struct Timed<K, V>(Cache<K, Entry<V>>);

/// A value and when it ends; never, when no clock goes that far.
#[derive(Clone)]
pub(crate) struct Entry<V> {
    pub(crate) value: V,
    pub(crate) ends_at: Option<Instant>,
}

/// What is to become of an entry.
pub(crate) enum Change<V> {
    Keep,
    Put(Entry<V>),
    Remove,
}

impl<V> Entry<V> {
    /// A value that ends so long after `now`.
    pub(crate) fn lasting(value: V, now: Instant, time_to_live: Duration) -> Self {
        Self { value, ends_at: now.checked_add(time_to_live) }
    }

    /// Whether it is there for longer than the other.
    pub(crate) fn outlasts(&self, other: &Self) -> bool {
        match (self.ends_at, other.ends_at) {
            (Some(end), Some(other)) => end >= other,
            (end, _) => end.is_none(),
        }
    }

    /// Whether its time is not over yet. The map itself drops what has ended by a clock of its own, a little later.
    pub(crate) fn lasts_at(&self, now: Instant) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }

    pub(crate) fn remaining(&self, now: Instant) -> Option<Duration> {
        self.ends_at.map(|end| end.saturating_duration_since(now))
    }
}

impl<K, V> Timed<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Drops every entry.
    pub(crate) fn clear(&self) {
        self.0.invalidate_all();
    }

    pub(crate) fn new(capacity: u64) -> Self {
        let cache = Cache::builder()
            .max_capacity(capacity)
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(ByEntry);
        Self(cache.build())
    }

    pub(crate) fn find(&self, key: &K) -> Option<Entry<V>> {
        self.0.get(key)
    }

    /// Reads and changes an entry, with no other change of it between the two, and returns what `decide` says beside.
    pub(crate) fn change<T>(&self, key: K, decide: impl FnOnce(Option<Entry<V>>) -> (Change<V>, T)) -> T {
        let mut outcome = None;
        self.0.entry(key).and_compute_with(|entry| {
            let (change, beside) = decide(entry.map(moka::Entry::into_value));
            outcome = Some(beside);
            match change {
                Change::Keep => Op::Nop,
                Change::Put(entry) => Op::Put(entry),
                Change::Remove => Op::Remove,
            }
        });
        outcome.expect("the entry was computed above")
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> u64 {
        self.0.run_pending_tasks();
        self.0.entry_count()
    }
}

/// Entries say themselves when they end. An entry that has ended and was not yet cleared away counts as updated by the one
/// that takes its place, so both are asked.
struct ByEntry;

impl<K, V> Expiry<K, Entry<V>> for ByEntry {
    fn expire_after_create(&self, _: &K, entry: &Entry<V>, now: Instant) -> Option<Duration> {
        entry.remaining(now)
    }

    fn expire_after_update(
        &self,
        _: &K,
        entry: &Entry<V>,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        entry.remaining(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    fn put(map: &Timed<u64, u64>, key: u64, time_to_live: Duration) {
        map.change(key, |_| (Change::Put(Entry::lasting(key, Instant::now(), time_to_live)), ()));
    }

    #[test]
    fn however_many_keys_there_are_the_map_stays_within_its_capacity() {
        let map = Timed::new(1_000);
        for key in 0..100_000 {
            put(&map, key, LONG);
        }
        assert!(map.len() <= 1_000, "{} entries", map.len());
    }

    #[test]
    fn what_is_used_stays_while_others_come_and_go() {
        let map = Timed::new(1_000);
        put(&map, 0, LONG);
        for key in 1..10_000 {
            put(&map, key, LONG);
            assert_eq!(map.find(&0).map(|entry| entry.value), Some(0), "gone after {key}");
        }
    }

    #[test]
    fn what_has_ended_takes_no_room() {
        let map = Timed::new(1_000);
        for key in 0..100 {
            put(&map, key, Duration::from_millis(1));
        }
        put(&map, 100, LONG);
        let begun = Instant::now();
        // The clock that clears away goes in steps of about a second.
        while map.len() > 1 {
            assert!(begun.elapsed() < LONG, "{} entries", map.len());
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(map.find(&100).map(|entry| entry.value), Some(100));
    }
}
