//! Faults in API keys and features, and the cases that catch them.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_domain::{
    api_key::{ApiKey, Principal},
    commit::{Commit, CommitError, Committed, RowChange},
    feature::{Feature, FeatureName, FeatureUsage, UsageTotal},
    id::{ApiKeyId, CompanyId, FeatureId, UserId},
    port::{ApiKeys, EventStore, FeatureUsages, Features, StoreError},
};
use portcullis_memory::Memory;
use tokio::time::sleep;

use crate::store::{A_MOMENT, Fault, Sound, Store};

const ALL: usize = 1_000_000;

async fn features(memory: &Memory) -> Result<Vec<Feature>, StoreError> {
    Features::list(memory, None, ALL).await
}

/// What was to be deleted stays.
#[derive(Default)]
struct RowsStay;

#[async_trait]
impl Fault for RowsStay {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        commit.rows.retain(|row| {
            !matches!(
                row,
                RowChange::DeleteApiKey(_)
                    | RowChange::DeleteApiKeysOf(_)
                    | RowChange::DeleteFeature(_)
                    | RowChange::DeleteFeatureUsagesOf(_)
            )
        });
        memory.commit(commit).await
    }
}

/// What is there already is left as it is: `ON CONFLICT DO NOTHING`.
#[derive(Default)]
struct FirstPutStays;

#[async_trait]
impl Fault for FirstPutStays {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        let mut rows = Vec::new();
        for row in std::mem::take(&mut commit.rows) {
            let is_there = match &row {
                RowChange::PutApiKey(key) => memory.find_by_prefix(&key.prefix).await?.is_some(),
                RowChange::PutFeature(feature) => {
                    features(memory).await?.iter().any(|known| known.id == feature.id)
                }
                RowChange::AddFeatureUsage(usage) => FeatureUsages::list(&**memory, usage.feature, None, ALL)
                    .await?
                    .iter()
                    .any(|known| known.api_key == usage.api_key),
                _ => false,
            };
            if !is_there {
                rows.push(row);
            }
        }
        memory.commit(Commit { rows, ..commit }).await
    }
}

/// An owner is an id, whatever it is the id of.
#[derive(Default)]
struct OwnersByIdAlone;

#[async_trait]
impl Fault for OwnersByIdAlone {
    async fn list_keys(&self, memory: &Memory, owner: Principal) -> Result<Vec<ApiKey>, StoreError> {
        let id = owner.id();
        let mut keys = memory.list_by_owner(Principal::User(UserId::new(id))).await?;
        keys.extend(memory.list_by_owner(Principal::Company(CompanyId::new(id))).await?);
        Ok(keys)
    }
}

/// In the order of a hash, say.
#[derive(Default)]
struct OldestFirst;

#[async_trait]
impl Fault for OldestFirst {
    async fn list_keys(&self, memory: &Memory, owner: Principal) -> Result<Vec<ApiKey>, StoreError> {
        let mut keys = memory.list_by_owner(owner).await?;
        keys.reverse();
        Ok(keys)
    }
}

/// The last report counts, not the latest; and one of a key that is gone fails the rest.
#[derive(Default)]
struct LastTouchCounts;

#[async_trait]
impl Fault for LastTouchCounts {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        for row in &mut commit.rows {
            if let RowChange::TouchApiKey(id, at) = *row {
                let mut found = None;
                for owner in self.owners(memory).await? {
                    let keys = memory.list_by_owner(owner).await?;
                    found = found.or_else(|| keys.into_iter().find(|key| key.id == id));
                }
                let key = found.ok_or_else(|| StoreError::corrupt("no such key"))?;
                *row = RowChange::PutApiKey(Box::new(ApiKey { last_used_at: Some(at), ..key }));
            }
        }
        memory.commit(commit).await
    }
}

impl LastTouchCounts {
    async fn owners(&self, memory: &Memory) -> Result<Vec<Principal>, StoreError> {
        let query = portcullis_domain::port::UserQuery::default();
        let users = portcullis_domain::port::Users::list(memory, &query, None, ALL).await?;
        Ok(users.into_iter().map(|user| Principal::User(user.id)).collect())
    }
}

/// Names are in the order of a language, which passes over punctuation.
#[derive(Default)]
struct NamesByLocale;

#[async_trait]
impl Fault for NamesByLocale {
    async fn list_features(
        &self,
        memory: &Memory,
        after: Option<&FeatureName>,
        limit: usize,
    ) -> Result<Vec<Feature>, StoreError> {
        let letters = |name: &FeatureName| -> String {
            name.as_str().chars().filter(char::is_ascii_alphanumeric).collect()
        };
        let mut all = features(memory).await?;
        all.sort_by_key(|feature| letters(&feature.name));
        let beyond = all.into_iter().filter(|feature| after.is_none_or(|after| feature.name > *after));
        Ok(beyond.take(limit).collect())
    }
}

/// The counts are read, then the lock is let go, then their sums are written.
#[derive(Default)]
struct ReadThenAdd;

#[async_trait]
impl Fault for ReadThenAdd {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        let mut rows = Vec::new();
        for row in std::mem::take(&mut commit.rows) {
            if let RowChange::AddFeatureUsage(usage) = row {
                let before = FeatureUsages::list(&**memory, usage.feature, None, ALL).await?;
                sleep(A_MOMENT).await;
                rows.push(RowChange::DeleteFeatureUsagesOf(usage.feature));
                rows.extend(before.into_iter().map(RowChange::AddFeatureUsage));
            }
            rows.push(row);
        }
        memory.commit(Commit { rows, ..commit }).await
    }
}

/// Counts of a feature that is gone are kept all the same.
#[derive(Default)]
struct CountsOfNothing;

#[async_trait]
impl Fault for CountsOfNothing {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        let mut rows = Vec::new();
        for row in std::mem::take(&mut commit.rows) {
            let known = features(memory).await?;
            match (&row, known.first()) {
                (RowChange::AddFeatureUsage(usage), Some(other))
                    if known.iter().all(|feature| feature.id != usage.feature) =>
                {
                    let (id, name) = (usage.feature, FeatureName::new("passing"));
                    let passing = Feature { id, name, ..other.clone() };
                    rows.extend([
                        RowChange::PutFeature(Box::new(passing)),
                        row,
                        RowChange::DeleteFeature(id),
                    ]);
                }
                _ => rows.push(row),
            }
        }
        memory.commit(Commit { rows, ..commit }).await
    }
}

/// Every feature's counts are one.
#[derive(Default)]
struct CountsTogether;

#[async_trait]
impl Fault for CountsTogether {
    async fn list_usages(
        &self,
        memory: &Memory,
        feature: FeatureId,
        after: Option<ApiKeyId>,
        limit: usize,
    ) -> Result<Vec<FeatureUsage>, StoreError> {
        let mut all = FeatureUsages::list(memory, feature, after, ALL).await?;
        for other in features(memory).await? {
            if other.id != feature {
                all.extend(FeatureUsages::list(memory, other.id, after, ALL).await?);
            }
        }
        all.sort_by_key(|usage| usage.api_key);
        all.truncate(limit);
        Ok(all)
    }

    async fn total(&self, memory: &Memory, _: FeatureId) -> Result<UsageTotal, StoreError> {
        let mut total = UsageTotal::default();
        for feature in features(memory).await? {
            total.granted += memory.total(feature.id).await?.granted;
        }
        Ok(total)
    }

    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        if commit.rows.iter().any(|row| matches!(row, RowChange::DeleteFeatureUsagesOf(_))) {
            let all = features(memory).await?;
            commit.rows.extend(all.iter().map(|feature| RowChange::DeleteFeatureUsagesOf(feature.id)));
        }
        memory.commit(commit).await
    }
}

/// A page begins with the last line of the one before it.
#[derive(Default)]
struct PagesOverlap;

#[async_trait]
impl Fault for PagesOverlap {
    async fn list_features(
        &self,
        memory: &Memory,
        after: Option<&FeatureName>,
        limit: usize,
    ) -> Result<Vec<Feature>, StoreError> {
        let all = features(memory).await?.into_iter();
        Ok(all.filter(|feature| after.is_none_or(|after| feature.name >= *after)).take(limit).collect())
    }

    async fn list_usages(
        &self,
        memory: &Memory,
        feature: FeatureId,
        after: Option<ApiKeyId>,
        limit: usize,
    ) -> Result<Vec<FeatureUsage>, StoreError> {
        let all = FeatureUsages::list(memory, feature, None, ALL).await?.into_iter();
        Ok(all.filter(|usage| after.is_none_or(|after| usage.api_key >= after)).take(limit).collect())
    }
}

crate::caught! {
    keys_and_features_that_stay_are_caught: Store<RowsStay>, Store<Sound> => [
        api_keys::a_deleted_api_key_is_not_found,
        api_keys::deleting_all_of_one_owners_leaves_everybody_elses_keys,
        features::a_deleted_feature_is_not_found_and_its_name_finds_the_next,
        feature_usages::deleting_the_counts_of_a_feature_leaves_the_others,
    ]
    keys_and_features_of_which_the_first_put_stays_are_caught: Store<FirstPutStays>, Store<Sound> => [
        api_keys::a_second_put_replaces_the_api_key,
        features::a_second_put_replaces_the_feature,
        feature_usages::counts_add_up_and_the_latest_time_stands,
    ]
    keys_whose_owner_is_an_id_alone_are_caught: Store<OwnersByIdAlone>, Store<Sound> => [
        api_keys::a_user_and_a_company_of_one_id_are_two_owners,
    ]
    keys_in_another_order_are_caught: Store<OldestFirst>, Store<Sound> => [
        api_keys::an_owners_api_keys_are_listed_newest_first,
    ]
    a_touch_of_a_key_that_moves_back_is_caught: Store<LastTouchCounts>, Store<Sound> => [
        api_keys::a_touch_moves_last_used_forward_and_nothing_else,
        api_keys::a_touch_of_an_api_key_that_is_gone_does_nothing,
    ]
    features_in_the_order_of_a_language_are_caught: Store<NamesByLocale>, Store<Sound> => [
        features::features_are_listed_by_the_bytes_of_their_names,
    ]
    counts_read_before_they_are_written_are_caught: Store<ReadThenAdd>, Store<Sound> => [
        feature_usages::racing_counts_all_add_up,
    ]
    counts_of_nothing_are_caught: Store<CountsOfNothing>, Store<Sound> => [
        feature_usages::counts_of_a_feature_that_is_gone_are_passed_over,
    ]
    counts_that_are_one_for_all_features_are_caught: Store<CountsTogether>, Store<Sound> => [
        feature_usages::a_features_counts_are_listed_by_key_and_summed,
        feature_usages::deleting_the_counts_of_a_feature_leaves_the_others,
    ]
    pages_of_features_that_overlap_are_caught: Store<PagesOverlap>, Store<Sound> => [
        features::features_are_paged_without_a_gap_or_a_repeat,
        feature_usages::counts_are_paged_without_a_gap_or_a_repeat,
    ]
}
