//! Faults of what replicas share, the cache, the limiter and the counters, and the cases that catch them.

use std::{
    collections::HashMap,
    marker::PhantomData,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use portcullis_contract::{AttemptCountersHarness, RateLimiterHarness, SessionCacheHarness};
use portcullis_domain::{
    id::SessionId,
    port::{
        AttemptCounters, Attempts, CachedSession, LiveSession, Quota, RateLimiter, RateVerdict, SessionCache,
        StoreError,
    },
};
use tokio::task::yield_now;

/// How an adapter is broken; by default it is not.
trait Fault: Send + Sync + 'static {
    /// Each instance keeps its own.
    const IS_ALONE: bool = false;
    /// Reads, and writes what it made of that when others may have written.
    const IS_IN_TWO_STEPS: bool = false;
    /// Nothing ends.
    const IS_EVERLASTING: bool = false;
    /// A revoked session is merely forgotten.
    const REVOKING_FORGETS: bool = false;
    /// A forgotten session is no longer revoked.
    const FORGETTING_REVIVES: bool = false;
    /// The last revocation counts, however short.
    const LAST_REVOCATION_COUNTS: bool = false;
    /// Counts from window to window.
    const HAS_WINDOWS: bool = false;
    /// Whoever is refused pays all the same.
    const REFUSALS_COST: bool = false;
    /// Names half the wait.
    const SAYS_TOO_SOON: bool = false;
    /// Each failure begins the window anew.
    const WINDOW_SLIDES: bool = false;
    /// Names the window that was asked for, and not what is left of the one that runs.
    const SAYS_WHOLE_WINDOW: bool = false;
    /// Clearing leaves the window.
    const CLEARING_KEEPS_WINDOW: bool = false;

    fn key(key: &str) -> String {
        key.to_owned()
    }
}

macro_rules! faults {
    ($($name:ident { $($item:item)* })+) => {$(
        struct $name;
        impl Fault for $name { $($item)* }
    )+};
}

faults! {
    Sound {}
    Alone { const IS_ALONE: bool = true; }
    InTwoSteps { const IS_IN_TWO_STEPS: bool = true; }
    Everlasting { const IS_EVERLASTING: bool = true; }
    RevokingForgets { const REVOKING_FORGETS: bool = true; }
    ForgettingRevives { const FORGETTING_REVIVES: bool = true; }
    LastRevocationCounts { const LAST_REVOCATION_COUNTS: bool = true; }
    Windows { const HAS_WINDOWS: bool = true; }
    RefusalsCost { const REFUSALS_COST: bool = true; }
    TooSoon { const SAYS_TOO_SOON: bool = true; }
    WindowSlides { const WINDOW_SLIDES: bool = true; }
    SaysWholeWindow { const SAYS_WHOLE_WINDOW: bool = true; }
    ClearingKeepsWindow { const CLEARING_KEEPS_WINDOW: bool = true; }
    FoldsKeys { fn key(key: &str) -> String { key.to_lowercase() } }
    CutsKeys { fn key(key: &str) -> String { key.chars().take(1_000).collect() } }
    CutsKeysAtNul { fn key(key: &str) -> String { key.split('\0').next().unwrap_or_default().to_owned() } }
}

type Entries<K, V> = Arc<Mutex<HashMap<K, (V, Instant)>>>;

/// A map whose entries end; what all of these are made of.
struct Map<K, V, F>(Entries<K, V>, PhantomData<F>);

impl<K: std::hash::Hash + Eq + Clone, V: Clone, F: Fault> Map<K, V, F> {
    fn two() -> [Arc<Self>; 2] {
        let entries = Entries::default();
        let other = if F::IS_ALONE { Entries::default() } else { entries.clone() };
        [entries, other].map(|entries| Arc::new(Self(entries, PhantomData)))
    }

    fn find(&self, key: &K) -> Option<(V, Instant)> {
        let found = self.0.lock().expect("whole").get(key).cloned();
        found.filter(|(_, end)| F::IS_EVERLASTING || Instant::now() < *end)
    }

    /// Replaces an entry by what `decide` makes of it.
    async fn change<T>(
        &self,
        key: K,
        decide: impl FnOnce(Option<(V, Instant)>) -> (Option<(V, Instant)>, T),
    ) -> T {
        if F::IS_IN_TWO_STEPS {
            let before = self.find(&key);
            yield_now().await;
            let (after, outcome) = decide(before);
            Self::write(&mut *self.0.lock().expect("whole"), key, after);
            return outcome;
        }
        let mut entries = self.0.lock().expect("whole");
        let before = entries.get(&key).cloned().filter(|(_, end)| F::IS_EVERLASTING || Instant::now() < *end);
        let (after, outcome) = decide(before);
        Self::write(&mut entries, key, after);
        outcome
    }

    fn write(entries: &mut HashMap<K, (V, Instant)>, key: K, entry: Option<(V, Instant)>) {
        match entry {
            Some(entry) => drop(entries.insert(key, entry)),
            None => drop(entries.remove(&key)),
        }
    }
}

/// When a time is over that begins now.
fn end_of(time: Duration) -> Instant {
    Instant::now() + time.min(Duration::from_secs(1 << 30))
}

#[async_trait]
impl<F: Fault> SessionCache for Map<SessionId, CachedSession, F> {
    async fn get(&self, session: SessionId) -> Result<Option<CachedSession>, StoreError> {
        Ok(self.find(&session).map(|(value, _)| value))
    }

    async fn put(
        &self,
        session: SessionId,
        live: LiveSession,
        time_to_live: Duration,
    ) -> Result<(), StoreError> {
        self.change(session, |before| match before {
            Some((CachedSession::Revoked, _)) => (before, ()),
            _ => (Some((CachedSession::Live(live), end_of(time_to_live))), ()),
        })
        .await;
        Ok(())
    }

    async fn revoke(&self, sessions: &[SessionId], time_to_live: Duration) -> Result<(), StoreError> {
        for session in sessions {
            let new = end_of(time_to_live);
            self.change(*session, |before| match before {
                _ if F::REVOKING_FORGETS => (None, ()),
                Some((CachedSession::Revoked, end)) if end > new && !F::LAST_REVOCATION_COUNTS => {
                    (before, ())
                }
                _ => (Some((CachedSession::Revoked, new)), ()),
            })
            .await;
        }
        Ok(())
    }

    async fn forget(&self, sessions: &[SessionId]) -> Result<(), StoreError> {
        for session in sessions {
            self.change(*session, |before| {
                let is_kept = matches!(before, Some((CachedSession::Revoked, _))) && !F::FORGETTING_REVIVES;
                (before.filter(|_| is_kept), ())
            })
            .await;
        }
        Ok(())
    }
}

#[async_trait]
impl<F: Fault> RateLimiter for Map<String, u32, F> {
    async fn take(&self, key: &str, quota: Quota) -> Result<RateVerdict, StoreError> {
        let (limit, now) = (quota.limit.get(), Instant::now());
        let interval = (quota.period / limit).min(Duration::from_secs(1 << 30)).max(Duration::from_nanos(1));
        Ok(self
            .change(F::key(key), |before| {
                if F::HAS_WINDOWS {
                    let (taken, end) = before.unwrap_or_else(|| (0, now + interval * limit));
                    let (is_allowed, wait) = (taken < limit, end - now);
                    let taken = if is_allowed { taken + 1 } else { taken };
                    let retry_after = if taken < limit { Duration::ZERO } else { wait };
                    let verdict =
                        RateVerdict { is_allowed, remaining: limit - taken, retry_after, reset_after: wait };
                    return (Some((taken, end)), verdict);
                }
                let full_at = before.map_or(now, |(_, end)| end).max(now);
                let latest = now + interval * (limit - 1);
                let is_allowed = full_at <= latest;
                let after = if is_allowed || F::REFUSALS_COST { full_at + interval } else { full_at };
                let wait = after.saturating_duration_since(latest);
                let left = latest.saturating_duration_since(after).as_nanos() / interval.as_nanos();
                let verdict = RateVerdict {
                    is_allowed,
                    remaining: if after > latest { 0 } else { u32::try_from(left).unwrap_or(limit - 1) + 1 },
                    retry_after: if F::SAYS_TOO_SOON { wait / 2 } else { wait },
                    reset_after: after - now,
                };
                (Some((0, after)), verdict)
            })
            .await)
    }
}

#[async_trait]
impl<F: Fault> AttemptCounters for Map<String, u64, F> {
    async fn add(&self, key: &str, window: Duration) -> Result<Attempts, StoreError> {
        Ok(self
            .change(F::key(key), |before| {
                let (count, end) = before.unwrap_or_else(|| (0, end_of(window)));
                let end = if F::WINDOW_SLIDES { end_of(window) } else { end };
                let said = if F::SAYS_WHOLE_WINDOW { end_of(window) } else { end };
                (Some((count + 1, end)), attempts::<F>(count + 1, said))
            })
            .await)
    }

    async fn count(&self, key: &str) -> Result<Attempts, StoreError> {
        Ok(self.find(&F::key(key)).map_or_else(Attempts::default, |(count, end)| attempts::<F>(count, end)))
    }

    async fn clear(&self, key: &str) -> Result<(), StoreError> {
        let keep = |before: Option<(u64, Instant)>| before.map(|(_, end)| (0, end));
        self.change(F::key(key), |before| (keep(before).filter(|_| F::CLEARING_KEEPS_WINDOW), ())).await;
        Ok(())
    }
}

fn attempts<F: Fault>(count: u64, end: Instant) -> Attempts {
    let left = end.saturating_duration_since(Instant::now());
    Attempts { count, ends_in: if F::SAYS_TOO_SOON { left / 2 } else { left } }
}

struct Cache<F>([Arc<Map<SessionId, CachedSession, F>>; 2]);

#[async_trait]
impl<F: Fault> SessionCacheHarness for Cache<F> {
    async fn start() -> Self {
        Self(Map::two())
    }

    fn instances(&self) -> [Arc<dyn SessionCache>; 2] {
        self.0.clone().map(|instance| instance as Arc<dyn SessionCache>)
    }
}

struct Limiter<F>([Arc<Map<String, u32, F>>; 2]);

#[async_trait]
impl<F: Fault> RateLimiterHarness for Limiter<F> {
    async fn start() -> Self {
        Self(Map::two())
    }

    fn instances(&self) -> [Arc<dyn RateLimiter>; 2] {
        self.0.clone().map(|instance| instance as Arc<dyn RateLimiter>)
    }
}

struct Counters<F>([Arc<Map<String, u64, F>>; 2]);

#[async_trait]
impl<F: Fault> AttemptCountersHarness for Counters<F> {
    async fn start() -> Self {
        Self(Map::two())
    }

    fn instances(&self) -> [Arc<dyn AttemptCounters>; 2] {
        self.0.clone().map(|instance| instance as Arc<dyn AttemptCounters>)
    }
}

crate::caught! {
    /// A session that was revoked lives on for as long as a token of it does.
    a_cache_that_forgets_what_is_revoked_is_caught: Cache<RevokingForgets>, Cache<Sound> => [
        session_cache::a_revoked_session_is_found_as_revoked,
        session_cache::a_slow_readers_put_does_not_bring_a_revoked_session_back,
        session_cache::of_racing_puts_and_a_revocation_the_revocation_stands,
        session_cache::every_instance_sees_a_revocation_at_once,
    ]
    a_cache_that_looks_and_then_writes_is_caught: Cache<InTwoSteps>, Cache<Sound> => [
        session_cache::of_racing_puts_and_a_revocation_the_revocation_stands,
    ]
    a_cache_that_keeps_for_ever_is_caught: Cache<Everlasting>, Cache<Sound> => [
        session_cache::a_put_session_is_found_until_its_time_is_over,
        session_cache::a_second_put_counts_whole,
        session_cache::times_of_any_length_are_taken,
    ]
    a_cache_that_forgets_a_revocation_is_caught: Cache<ForgettingRevives>, Cache<Sound> => [
        session_cache::a_revoked_session_is_not_forgotten,
    ]
    a_cache_in_which_the_last_revocation_counts_is_caught: Cache<LastRevocationCounts>, Cache<Sound> => [
        session_cache::a_revocation_lasts_for_the_longest_time_that_was_said,
    ]
    a_cache_of_one_replica_alone_is_caught: Cache<Alone>, Cache<Sound> => [
        session_cache::every_instance_sees_a_revocation_at_once,
        session_cache::a_slow_readers_put_does_not_bring_a_revoked_session_back,
        session_cache::a_forgotten_session_can_be_put_again,
    ]
    a_limiter_that_looks_and_then_writes_is_caught: Limiter<InTwoSteps>, Limiter<Sound> => [
        rate_limiter::of_racing_takers_the_limit_are_allowed,
    ]
    a_limiter_that_counts_from_window_to_window_is_caught: Limiter<Windows>, Limiter<Sound> => [
        rate_limiter::a_bucket_refills_evenly,
        rate_limiter::a_verdict_says_what_is_left,
    ]
    /// Whoever keeps trying is locked out for ever.
    a_limiter_that_charges_for_refusals_is_caught: Limiter<RefusalsCost>, Limiter<Sound> => [
        rate_limiter::whoever_keeps_trying_is_allowed_as_soon_as_whoever_waits,
    ]
    a_limiter_that_names_too_short_a_wait_is_caught: Limiter<TooSoon>, Limiter<Sound> => [
        rate_limiter::an_attempt_is_allowed_after_the_wait_it_was_told,
    ]
    limiters_that_take_keys_for_one_another_are_caught: Limiter<FoldsKeys>, Limiter<Sound> => [
        rate_limiter::keys_do_not_influence_each_other,
    ]
    limiters_that_cut_keys_are_caught: Limiter<CutsKeys>, Limiter<Sound> => [
        rate_limiter::keys_do_not_influence_each_other,
    ]
    a_limiter_of_one_replica_alone_is_caught: Limiter<Alone>, Limiter<Sound> => [
        rate_limiter::instances_count_together,
    ]
    counters_that_look_and_then_write_are_caught: Counters<InTwoSteps>, Counters<Sound> => [
        attempt_counters::of_racing_failures_each_gets_a_count_of_its_own,
        attempt_counters::instances_count_together,
    ]
    counters_whose_window_slides_are_caught: Counters<WindowSlides>, Counters<Sound> => [
        attempt_counters::failures_that_follow_do_not_make_the_window_longer,
    ]
    counters_that_never_end_are_caught: Counters<Everlasting>, Counters<Sound> => [
        attempt_counters::a_count_ends_a_window_after_its_first_failure,
    ]
    counters_that_name_too_short_a_wait_are_caught: Counters<TooSoon>, Counters<Sound> => [
        attempt_counters::a_count_says_when_its_window_ends,
        attempt_counters::a_count_has_ended_after_the_wait_it_was_told,
    ]
    counters_that_name_the_whole_window_are_caught: Counters<SaysWholeWindow>, Counters<Sound> => [
        attempt_counters::a_count_says_when_its_window_ends,
    ]
    counters_that_keep_the_window_when_cleared_are_caught: Counters<ClearingKeepsWindow>, Counters<Sound> => [
        attempt_counters::a_cleared_counter_gets_a_window_of_its_own,
    ]
    counters_that_cut_keys_are_caught: Counters<CutsKeysAtNul>, Counters<Sound> => [
        attempt_counters::counters_do_not_influence_each_other,
    ]
    counters_of_one_replica_alone_are_caught: Counters<Alone>, Counters<Sound> => [
        attempt_counters::instances_count_together,
    ]
}
