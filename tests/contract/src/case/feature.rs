use chrono::TimeDelta;
use portcullis_domain::{
    commit::RowChange,
    feature::{Feature, FeatureDescription, FeatureName, FeatureSettings},
};

use crate::{StoreHarness, StorePorts, sample};

async fn find(store: &StorePorts, name: &FeatureName) -> Option<Feature> {
    store.features.find(name).await.expect("reads")
}

fn bare() -> Feature {
    let settings = FeatureSettings {
        description: FeatureDescription::default(),
        enabled: false,
        required_role: None,
        company_id: None,
    };
    Feature { settings, ..sample::feature() }
}

fn named(name: &str) -> Feature {
    Feature { name: FeatureName::new(name), ..sample::feature() }
}

/// With every field, and with none that may be absent.
pub async fn a_put_feature_is_found_by_its_name<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (full, bare) = (sample::feature(), bare());
    store.put([sample::put_feature(&full), sample::put_feature(&bare)]).await;
    for feature in [full, bare] {
        assert_eq!(find(&store, &feature.name).await, Some(feature));
    }
    assert_eq!(find(&store, &FeatureName::new("unknown")).await, None);
}

/// Every field of it.
pub async fn a_second_put_replaces_the_feature<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (feature, other) = (store.put_new_feature().await, store.put_new_feature().await);
    let updated_at = feature.updated_at + TimeDelta::days(1);
    let changed = Feature { settings: bare().settings, updated_at, ..feature.clone() };
    store.put([sample::put_feature(&changed)]).await;
    assert_eq!(find(&store, &feature.name).await, Some(changed));
    assert_eq!(find(&store, &other.name).await, Some(other));
}

/// In one commit, too.
pub async fn a_deleted_feature_is_not_found_and_its_name_finds_the_next<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (feature, kept) = (store.put_new_feature().await, store.put_new_feature().await);
    for _ in 0..2 {
        store.put([RowChange::DeleteFeature(feature.id)]).await;
        assert_eq!(find(&store, &feature.name).await, None);
        assert_eq!(store.features.list(None, sample::ALL).await.expect("reads"), std::slice::from_ref(&kept));
    }
    let next = named(feature.name.as_str());
    store.put([sample::put_feature(&next)]).await;
    let last = named(feature.name.as_str());
    store.put([RowChange::DeleteFeature(next.id), sample::put_feature(&last)]).await;
    assert_eq!(find(&store, &feature.name).await, Some(last));
}

/// Names in the order of their bytes, whatever a locale makes of their punctuation.
const NAMES: [&str; 9] = ["0", "a", "a-b", "a.b", "a0", "a_b", "aa", "b", "z9"];

async fn put_all(store: &StorePorts) -> Vec<Feature> {
    let features: Vec<_> = NAMES.map(named).into();
    store.put(features.iter().rev().map(sample::put_feature)).await;
    features
}

/// Whatever the order in which they were put.
pub async fn features_are_listed_by_the_bytes_of_their_names<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    assert!(store.features.list(None, sample::ALL).await.expect("reads").is_empty());
    let features = put_all(&store).await;
    assert_eq!(store.features.list(None, sample::ALL).await.expect("reads"), features);
    assert!(store.features.list(None, 0).await.expect("reads").is_empty());
}

/// Of any size, also after a feature that is gone.
pub async fn features_are_paged_without_a_gap_or_a_repeat<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let mut features = put_all(&store).await;
    for size in [1, 2, 8, 9, 10, usize::MAX] {
        let read = async |after: Option<Feature>| {
            let after = after.map(|feature| feature.name);
            store.features.list(after.as_ref(), size).await.expect("reads")
        };
        assert_eq!(sample::paged(size, read).await, features, "in pages of {size}");
    }
    let gone = features.remove(3);
    store.put([RowChange::DeleteFeature(gone.id)]).await;
    let rest = store.features.list(Some(&gone.name), sample::ALL).await.expect("reads");
    assert_eq!(rest, features[3..]);
}
