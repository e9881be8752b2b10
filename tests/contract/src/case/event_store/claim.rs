//! Line 6: unique keys.

use portcullis_domain::{
    commit::{Claim, ClaimKey, CommitError},
    value::{Email, ShortText, Username},
};
use uuid::Uuid;

use crate::{StoreHarness, StorePorts, race::race, sample};

const RACERS: usize = 64;

fn take(key: &ClaimKey, owner: Uuid) -> Claim {
    Claim::Take { key: key.clone(), owner }
}

fn release(key: &ClaimKey, owner: Uuid) -> Claim {
    Claim::Release { key: key.clone(), owner }
}

fn business_number(text: &str) -> ClaimKey {
    ClaimKey::business_number(&ShortText::new(text))
}

fn email(text: &str) -> ClaimKey {
    ClaimKey::email(&Email::new(text))
}

/// Takes a key for somebody who holds nothing: whether it was free.
async fn is_free(store: &StorePorts, key: &ClaimKey) -> bool {
    match store.events.commit(sample::claims([take(key, sample::id())])).await {
        Ok(_) => true,
        Err(CommitError::Taken { key: named }) => {
            assert_eq!(named.to_stored(), key.to_stored(), "`Taken` names another key");
            false
        }
        Err(error) => panic!("a take failed with {error:?}"),
    }
}

/// And the error names it.
pub async fn a_key_that_another_owner_holds_is_refused<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let key = sample::key();
    assert!(is_free(&store, &key).await);
    assert!(!is_free(&store, &key).await);
    assert!(!is_free(&store, &key).await, "a refused take must not free the key");
}

/// Of several takes the one that fails is named, not the first.
pub async fn the_key_that_is_taken_is_the_one_named<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (free, held) = (sample::key(), sample::key());
    assert!(is_free(&store, &held).await);
    let owner = sample::id();
    let outcome = store.events.commit(sample::claims([take(&free, owner), take(&held, owner)])).await;
    assert_eq!(sample::taken(outcome), Some(held));
    assert!(is_free(&store, &free).await);
}

/// In Latin, accented, Cyrillic and Greek letters, composed or not.
pub async fn keys_are_one_whatever_their_letter_case<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let pairs = [
        ("Jane@Example.com", "jANE@eXAMPLE.COM"),
        ("JOS\u{c9}@example.com", "jose\u{301}@example.com"),
        ("АННА@пример.рф", "анна@ПРИМЕР.РФ"),
        ("ΝΊΚΗ@example.gr", "νίκη@example.gr"),
    ];
    for (one, other) in pairs {
        assert!(is_free(&store, &email(one)).await, "{one}");
        assert!(!is_free(&store, &email(other)).await, "{other} is {one}");
    }
    assert!(is_free(&store, &ClaimKey::username(&Username::new("Jane"))).await);
    assert!(!is_free(&store, &ClaimKey::username(&Username::new("jane"))).await);
}

/// Folding joins letter cases, and nothing else.
pub async fn keys_that_differ_in_more_than_case_are_apart<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let texts = [
        "jose@example.com",
        "jos\u{e9}@example.com",
        "jane@example.com",
        " jane@example.com",
        "김@a.kr",
        "_ane@example.com",
        "j%@example.com",
    ];
    for text in texts {
        assert!(is_free(&store, &email(text)).await, "{text}");
    }
    // The same text as an address, as a username and as a business number is three keys.
    assert!(is_free(&store, &email("janedoe")).await);
    assert!(is_free(&store, &ClaimKey::username(&Username::new("janedoe"))).await);
    assert!(is_free(&store, &business_number("janedoe")).await);
}

/// A company's registration number is written in many ways.
pub async fn business_numbers_are_one_however_they_are_separated<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let sets = [
        ["123-45-67890", "1234567890", " 123 45.678/90"],
        ["DE 123 456 789", "de123456789", "DE-123.456.789"],
        ["ИНН 7707083893", "инн7707083893", "Инн-7707-083-893"],
    ];
    for [first, others @ ..] in sets {
        assert!(is_free(&store, &business_number(first)).await, "{first}");
        for other in others {
            assert!(!is_free(&store, &business_number(other)).await, "{other} is {first}");
        }
    }
    assert!(is_free(&store, &business_number("123-45-67891")).await);
}

/// By anybody, in a later commit.
pub async fn a_released_key_can_be_taken_again<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (key, owner) = (sample::key(), sample::id());
    for _ in 0..3 {
        store.commit(sample::claims([take(&key, owner)])).await;
        store.commit(sample::claims([release(&key, owner)])).await;
    }
    assert!(is_free(&store, &key).await);
}

/// One gives up, the other takes, in one commit.
pub async fn a_key_changes_hands_in_one_commit<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (key, one, other) = (sample::key(), sample::id(), sample::id());
    store.commit(sample::claims([take(&key, one)])).await;
    store.commit(sample::claims([release(&key, one), take(&key, other)])).await;
    let outcome = store.events.commit(sample::claims([take(&key, one)])).await;
    assert_eq!(sample::taken(outcome), Some(key.clone()));
    store.commit(sample::claims([release(&key, other)])).await;
    assert!(is_free(&store, &key).await, "the new owner could not give the key back");
}

/// Claims count in the order in which they are listed.
pub async fn two_owners_swap_keys_in_one_commit<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (left, right, one, other) = (sample::key(), sample::key(), sample::id(), sample::id());
    store.commit(sample::claims([take(&left, one), take(&right, other)])).await;
    let too_soon = [take(&right, one), release(&left, one), release(&right, other), take(&left, other)];
    let outcome = store.events.commit(sample::claims(too_soon)).await;
    assert_eq!(sample::taken(outcome), Some(right.clone()), "a take before the release");
    let swap = [release(&left, one), release(&right, other), take(&right, one), take(&left, other)];
    store.commit(sample::claims(swap)).await;
    for (key, holder, stranger) in [(&right, one, other), (&left, other, one)] {
        store.commit(sample::claims([take(key, holder)])).await;
        let outcome = store.events.commit(sample::claims([take(key, stranger)])).await;
        assert_eq!(sample::taken(outcome), Some(key.clone()));
    }
}

/// Taken and given back in one commit, it is free.
pub async fn a_key_taken_and_released_in_one_commit_is_free<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (key, owner) = (sample::key(), sample::id());
    store.commit(sample::claims([take(&key, owner), release(&key, owner)])).await;
    assert!(is_free(&store, &key).await);
}

/// Which changes nothing.
pub async fn an_owner_may_take_its_own_key_again<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (key, owner) = (sample::key(), sample::id());
    store.commit(sample::claims([take(&key, owner), take(&key, owner)])).await;
    store.commit(sample::claims([take(&key, owner)])).await;
    assert!(!is_free(&store, &key).await);
    store.commit(sample::claims([release(&key, owner)])).await;
    assert!(is_free(&store, &key).await, "one release undoes any number of takes");
}

/// Nor does releasing what nobody holds.
pub async fn releasing_another_owners_key_changes_nothing<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (key, owner) = (sample::key(), sample::id());
    store.commit(sample::claims([release(&key, sample::id())])).await;
    store.commit(sample::claims([take(&key, owner)])).await;
    store.commit(sample::claims([release(&key, sample::id())])).await;
    assert!(!is_free(&store, &key).await);
}

/// Sixty-four register one address at once.
pub async fn of_racing_takers_of_one_key_one_wins<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let key = sample::key();
    let outcomes = race(RACERS, |_| {
        let (store, claim, stream) = (store.clone(), take(&key, sample::id()), sample::id());
        let append = sample::append(stream, portcullis_domain::commit::Expected::New, 1);
        let commit = portcullis_domain::commit::Commit { claims: vec![claim], ..sample::appends([append]) };
        async move { store.events.commit(commit).await }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "winners");
    let taken: Vec<_> = outcomes.into_iter().filter_map(sample::taken).collect();
    assert_eq!(taken, vec![key; RACERS - 1]);
    assert_eq!(store.feed().await.len(), 1, "events of the winner, and of nobody else");
}
