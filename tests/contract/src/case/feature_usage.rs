use chrono::TimeDelta;
use portcullis_domain::{
    commit::RowChange,
    feature::{FeatureUsage, UsageTotal},
    id::{ApiKeyId, FeatureId},
};

use crate::{StoreHarness, StorePorts, race::race, sample};

fn add(usage: FeatureUsage) -> RowChange {
    RowChange::AddFeatureUsage(usage)
}

async fn list(store: &StorePorts, feature: FeatureId) -> Vec<FeatureUsage> {
    store.feature_usages.list(feature, None, sample::ALL).await.expect("reads")
}

async fn total(store: &StorePorts, feature: FeatureId) -> UsageTotal {
    store.feature_usages.total(feature).await.expect("reads")
}

/// In one commit and in several; a later one that tells of an earlier time leaves the time.
pub async fn counts_add_up_and_the_latest_time_stands<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let feature = store.put_new_feature().await.id;
    let key: ApiKeyId = sample::id();
    let at = |micros| sample::now() + TimeDelta::microseconds(micros);
    let count = |granted, refused, micros| {
        add(FeatureUsage { last_at: at(micros), ..sample::feature_usage(feature, key, granted, refused) })
    };
    store.put([count(1, 0, 5)]).await;
    assert_eq!(list(&store, feature).await[0].last_at, at(5));
    store.put([count(0, 3, 9), count(40, 0, 7)]).await;
    store.put([count(2, 2, -9)]).await;
    let expected = FeatureUsage { last_at: at(9), ..sample::feature_usage(feature, key, 43, 5) };
    assert_eq!(list(&store, feature).await, [expected]);
}

/// Of replicas that count at once, as on one key so on several.
pub async fn racing_counts_all_add_up<H: StoreHarness>() {
    const RACERS: u64 = 24;
    const COUNT: usize = 24;
    let harness = H::start().await;
    let store = harness.ports();
    let feature = store.put_new_feature().await.id;
    let keys: [ApiKeyId; 2] = [sample::id(), sample::id()];
    race(COUNT, |number| {
        let (store, key) = (store.clone(), keys[number % 2]);
        async move { store.put([add(sample::feature_usage(feature, key, 1, number as u64))]).await }
    })
    .await;
    let all = UsageTotal { granted: RACERS, refused: (0..RACERS).sum() };
    assert_eq!(total(&store, feature).await, all);
    assert!(list(&store, feature).await.iter().all(|usage| usage.granted == RACERS / 2));
}

/// The rest of the commit applies.
pub async fn counts_of_a_feature_that_is_gone_are_passed_over<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (gone, kept) = (store.put_new_feature().await.id, store.put_new_feature().await.id);
    store.put([RowChange::DeleteFeatureUsagesOf(gone), RowChange::DeleteFeature(gone)]).await;
    let key: ApiKeyId = sample::id();
    store.put([gone, kept].map(|feature| add(sample::feature_usage(feature, key, 1, 0)))).await;
    assert!(list(&store, gone).await.is_empty());
    assert_eq!(total(&store, gone).await, UsageTotal::default());
    assert_eq!(list(&store, kept).await.len(), 1);
}

/// Counts of two features with some keys each; of the first, by key.
async fn put_counts(store: &StorePorts) -> (FeatureId, Vec<FeatureUsage>) {
    let [one, other] = [store.put_new_feature().await.id, store.put_new_feature().await.id];
    let mut counts = Vec::new();
    for number in 0..7 {
        let key: ApiKeyId = sample::id();
        counts.push(sample::feature_usage(one, key, number, 2 * number));
        store.put([add(sample::feature_usage(other, key, 1_000, 1_000))]).await;
    }
    store.put(counts.iter().rev().copied().map(add)).await;
    (one, counts)
}

/// Of another feature there are counts too, and they are larger.
pub async fn a_features_counts_are_listed_by_key_and_summed<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (feature, counts) = put_counts(&store).await;
    assert_eq!(list(&store, feature).await, counts);
    assert_eq!(total(&store, feature).await, UsageTotal { granted: 21, refused: 42 });
    assert!(list(&store, sample::id()).await.is_empty());
    assert_eq!(total(&store, sample::id()).await, UsageTotal::default());
}

/// Of any size.
pub async fn counts_are_paged_without_a_gap_or_a_repeat<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (feature, counts) = put_counts(&store).await;
    for size in [1, 2, 6, 7, 8, usize::MAX] {
        let read = async |after: Option<FeatureUsage>| {
            let after = after.map(|usage| usage.api_key);
            store.feature_usages.list(feature, after, size).await.expect("reads")
        };
        assert_eq!(sample::paged(size, read).await, counts, "in pages of {size}");
    }
}

/// And what is deleted twice is gone once.
pub async fn deleting_the_counts_of_a_feature_leaves_the_others<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (one, _) = put_counts(&store).await;
    let (other, counts) = put_counts(&store).await;
    for _ in 0..2 {
        store.put([RowChange::DeleteFeatureUsagesOf(one)]).await;
        assert!(list(&store, one).await.is_empty());
        assert_eq!(list(&store, other).await, counts);
    }
}
