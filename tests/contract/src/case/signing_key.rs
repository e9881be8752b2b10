use chrono::TimeDelta;
use portcullis_domain::{key_ring::SealedSigningKey, seal::Sealed};

use crate::{StoreHarness, race::race, sample};

const RACERS: usize = 16;

fn key(epoch: u32) -> SealedSigningKey {
    let number = i64::try_from(sample::number()).expect("a case makes few things");
    let material = [[0, 255].as_slice(), &number.to_be_bytes()].concat();
    let created_at = sample::now() + TimeDelta::microseconds(number);
    SealedSigningKey { epoch, material: Sealed::new(material), created_at }
}

/// Whatever the order in which they came.
pub async fn keys_are_listed_by_epoch_as_they_were_inserted<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let keys = [10, 2, 1, 3].map(key);
    for key in keys.clone() {
        assert!(store.signing_keys.insert(key).await.expect("writes"));
    }
    let [ten, two, one, three] = keys;
    assert_eq!(store.signing_keys.list().await.expect("reads"), vec![one, two, three, ten]);
}

/// A key that is in use cannot be replaced under those who use it.
pub async fn a_second_key_of_an_epoch_is_not_inserted<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let first = key(1);
    assert!(store.signing_keys.insert(first.clone()).await.expect("writes"));
    for second in [key(1), first.clone()] {
        assert!(!store.signing_keys.insert(second).await.expect("writes"));
    }
    assert_eq!(store.signing_keys.list().await.expect("reads"), vec![first]);
}

/// Sixteen replicas start at once.
pub async fn of_racing_keys_of_one_epoch_one_is_inserted<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let keys: Vec<_> = (0..RACERS).map(|_| key(1)).collect();
    let outcomes = race(RACERS, |number| {
        let (store, key) = (store.clone(), keys[number].clone());
        async move { store.signing_keys.insert(key).await.expect("writes") }
    })
    .await;
    let inserted: Vec<_> = keys.into_iter().zip(outcomes).filter(|(_, is_in)| *is_in).collect();
    assert_eq!(inserted.len(), 1, "keys that were told they are in");
    assert_eq!(store.signing_keys.list().await.expect("reads"), vec![inserted[0].0.clone()]);
}

/// The second time it is another one already; no other key changes, and none appears.
pub async fn a_key_that_is_as_it_was_read_is_replaced<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (one, two) = (key(1), key(2));
    for key in [one.clone(), two.clone()] {
        assert!(store.signing_keys.insert(key).await.expect("writes"));
    }
    let (first, second, third) = (key(2).material, key(2).material, key(3));
    assert!(store.signing_keys.replace(two.clone(), first.clone()).await.expect("writes"));
    assert!(!store.signing_keys.replace(two.clone(), second.clone()).await.expect("writes"));
    assert!(!store.signing_keys.replace(third, second).await.expect("writes"));
    let replaced = SealedSigningKey { material: first, ..two };
    assert_eq!(store.signing_keys.list().await.expect("reads"), vec![one, replaced]);
}
