use portcullis_domain::{
    commit::{Commit, RowChange},
    id::SubjectId,
    seal::SubjectKey,
};

use crate::{StoreHarness, StorePorts, sample};

/// Puts the key of a new user.
async fn put_key(store: &StorePorts) -> SubjectKey {
    let key = sample::subject_key(store.put_new_user().await.id.into());
    store.put([RowChange::PutSubjectKey(key.clone())]).await;
    key
}

async fn find(store: &StorePorts, subject: SubjectId) -> Option<SubjectKey> {
    store.subject_keys.find(subject).await.expect("reads")
}

/// To the byte.
pub async fn a_put_key_is_found<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (one, other) = (put_key(&store).await, put_key(&store).await);
    assert_eq!(find(&store, one.subject).await, Some(one));
    assert_eq!(find(&store, other.subject).await, Some(other));
    assert_eq!(find(&store, sample::id()).await, None);
}

/// A master key that is changed wraps every data key anew.
pub async fn a_second_put_replaces_the_key<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let before = put_key(&store).await;
    let after = sample::subject_key(before.subject);
    store.put([RowChange::PutSubjectKey(after.clone())]).await;
    assert_eq!(find(&store, before.subject).await, Some(after));
}

/// That one and no other; shredding what is not there changes nothing.
pub async fn a_shredded_key_is_never_found_again<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (gone, kept) = (put_key(&store).await, put_key(&store).await);
    for _ in 0..2 {
        let shred = vec![gone.subject, sample::id()];
        store.commit(Commit { shred, ..Commit::default() }).await;
        assert_eq!(find(&store, gone.subject).await, None);
    }
    drop(store);
    let harness = harness.restart().await;
    let store = harness.ports();
    assert_eq!(find(&store, gone.subject).await, None);
    assert_eq!(find(&store, kept.subject).await, Some(kept));
}

/// Shredding comes last in a commit.
pub async fn a_key_put_and_shredded_in_one_commit_is_not_found<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let subject = store.put_new_user().await.id.into();
    let put = RowChange::PutSubjectKey(sample::subject_key(subject));
    store.commit(Commit { shred: vec![subject], ..sample::rows([put]) }).await;
    assert_eq!(find(&store, subject).await, None);
}
