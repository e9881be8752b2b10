use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use chrono::{DateTime, Utc};

use super::{Feature, FeatureEvent, FeatureName, FeatureUsage, Verdict, VerdictCount};
use crate::{
    commit::{Commit, RowChange},
    event::Actor,
    id::{ApiKeyId, FeatureId},
    identity::Identity,
    port::StoreError,
};

/// How exactly a key's last use is kept: so often at most it is written down.
const USED_WITHIN: Duration = Duration::from_secs(60);
/// Of how many keys the last use is remembered, so that it is not written again.
const REMEMBERED: usize = 10_000;

/// What was granted, and which keys were used, since it was last committed. In memory: what is in it goes with the process.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    granted: BTreeMap<FeatureId, Granted>,
    used: BTreeMap<ApiKeyId, DateTime<Utc>>,
    /// When a key's use was last taken to be written.
    written: BTreeMap<ApiKeyId, DateTime<Utc>>,
}

/// What was granted of one feature, by key.
#[derive(Debug)]
struct Granted {
    name: FeatureName,
    by_key: BTreeMap<ApiKeyId, Grants>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Grants {
    count: u64,
    last_at: DateTime<Utc>,
}

impl Tally {
    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().expect("nothing panics while it is held")
    }

    /// Counts one that was let in.
    pub(super) fn grant(&self, feature: &Feature, key: ApiKeyId, at: DateTime<Utc>) {
        self.put(feature.id, &feature.name, key, Grants { count: 1, last_at: at });
    }

    fn put(&self, feature: FeatureId, name: &FeatureName, key: ApiKeyId, more: Grants) {
        let mut counted = self.counted();
        let new = || Granted { name: name.clone(), by_key: BTreeMap::new() };
        let granted = counted.granted.entry(feature).or_insert_with(new);
        granted
            .by_key
            .entry(key)
            .and_modify(|grants| {
                grants.count += more.count;
                grants.last_at = grants.last_at.max(more.last_at);
            })
            .or_insert(more);
    }

    /// Notes that a key was used, unless that was written down a moment ago.
    pub(crate) fn use_key(&self, key: ApiKeyId, at: DateTime<Utc>) {
        let mut counted = self.counted();
        if counted.written.get(&key).is_none_or(|written| *written + USED_WITHIN <= at) {
            counted.used.insert(key, at);
        }
    }

    fn take_granted(&self) -> BTreeMap<FeatureId, Granted> {
        std::mem::take(&mut self.counted().granted)
    }

    fn take_used(&self) -> BTreeMap<ApiKeyId, DateTime<Utc>> {
        let mut counted = self.counted();
        let used = std::mem::take(&mut counted.used);
        if counted.written.len() > REMEMBERED {
            counted.written.clear();
        }
        counted.written.extend(used.iter().map(|(key, at)| (*key, *at)));
        used
    }

    /// What was taken and could not be written is taken again the next time.
    fn put_back_used(&self, used: BTreeMap<ApiKeyId, DateTime<Utc>>) {
        let mut counted = self.counted();
        for (key, at) in used {
            counted.written.remove(&key);
            counted.used.entry(key).or_insert(at);
        }
    }
}

/// Puts what was taken back, unless it was committed: also where the flush is dropped before it is done.
struct Taken<'a> {
    tally: &'a Tally,
    feature: FeatureId,
    granted: Granted,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        for (key, grants) in std::mem::take(&mut self.granted.by_key) {
            self.tally.put(self.feature, &self.granted.name, key, grants);
        }
    }
}

/// What is committed of a feature's grants.
fn decide(feature: FeatureId, granted: &Granted) -> (FeatureEvent, Vec<RowChange>) {
    let counts = granted.by_key.iter().map(|(api_key_id, grants)| VerdictCount {
        api_key_id: *api_key_id,
        verdict: Verdict::Granted,
        count: grants.count,
    });
    let rows = granted.by_key.iter().map(|(api_key, grants)| {
        RowChange::AddFeatureUsage(FeatureUsage {
            feature,
            api_key: *api_key,
            granted: grants.count,
            refused: 0,
            last_at: grants.last_at,
        })
    });
    let event = FeatureEvent::Accessed { name: granted.name.clone(), counts: counts.collect() };
    (event, rows.collect())
}

impl Identity {
    /// Commits what was granted and which keys were used since the last time: a commit a feature, and one for the keys. To be called once
    /// a second and before the process ends; what a store would not take is kept for the next time. A store that fails when it had the
    /// commit already gets its counts twice.
    pub async fn flush_usage(&self) -> Result<(), StoreError> {
        let tally = self.tally();
        // All are taken at once, so that a failure loses none: each puts itself back.
        let taken: Vec<_> = tally
            .take_granted()
            .into_iter()
            .map(|(feature, granted)| Taken { tally, feature, granted })
            .collect();
        for mut one in taken {
            let (event, rows) = decide(one.feature, &one.granted);
            let appends = vec![self.accessed(one.feature, Actor::System, &event, self.now())];
            self.commit_accesses(Commit { appends, rows, ..Commit::default() }).await?;
            one.granted.by_key.clear();
        }
        let used = tally.take_used();
        if used.is_empty() {
            return Ok(());
        }
        let rows = used.iter().map(|(key, at)| RowChange::TouchApiKey(*key, *at)).collect();
        let touched = self.commit_accesses(Commit { rows, ..Commit::default() }).await;
        if touched.is_err() {
            tally.put_back_used(used);
        }
        touched
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::feature::access::tests::feature;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn sample() -> (Feature, ApiKeyId) {
        (feature(), Uuid::from_u128(2).into())
    }

    #[test]
    fn grants_add_up_to_one_event_and_a_row_a_key() {
        let (tally, (feature, key)) = (Tally::default(), sample());
        let later = NOW + Duration::from_secs(1);
        let other = ApiKeyId::new(Uuid::from_u128(3));
        for (key, at) in [(key, later), (key, NOW), (other, NOW)] {
            tally.grant(&feature, key, at);
        }
        let granted = tally.take_granted();
        let (event, rows) = decide(feature.id, &granted[&feature.id]);
        let FeatureEvent::Accessed { counts, .. } = event else { panic!("accessed") };
        assert_eq!(counts.iter().map(|count| count.count).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(rows.len(), 2);
        let first =
            FeatureUsage { feature: feature.id, api_key: key, granted: 2, refused: 0, last_at: later };
        assert_eq!(rows[0], RowChange::AddFeatureUsage(first));
        assert!(tally.take_granted().is_empty(), "taken once");
    }

    #[test]
    fn what_was_taken_and_not_committed_is_counted_again() {
        let (tally, (feature, key)) = (Tally::default(), sample());
        tally.grant(&feature, key, NOW);
        let (id, granted) = tally.take_granted().pop_first().expect("one");
        tally.grant(&feature, key, NOW);
        drop(Taken { tally: &tally, feature: id, granted });
        assert_eq!(tally.take_granted()[&id].by_key[&key].count, 2);
    }

    #[test]
    fn a_keys_use_is_written_once_a_minute() {
        let (tally, (_, key)) = (Tally::default(), sample());
        tally.use_key(key, NOW);
        assert_eq!(tally.take_used().len(), 1);
        tally.use_key(key, NOW + Duration::from_secs(59));
        assert!(tally.take_used().is_empty());
        tally.use_key(key, NOW + Duration::from_secs(60));
        let used = tally.take_used();
        assert_eq!(used[&key], NOW + Duration::from_secs(60));
        tally.put_back_used(used);
        assert_eq!(tally.take_used().len(), 1, "what could not be written is written later");
    }
}
