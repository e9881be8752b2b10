use portcullis_domain::{
    commit::{Commit, RowChange},
    id::SubjectId,
    port::KeyReplacement,
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

/// Page by page, each once.
pub async fn keys_are_listed_by_subject<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    assert!(store.subject_keys.list(None, sample::ALL).await.expect("reads").is_empty());
    let mut keys = Vec::new();
    for _ in 0..7 {
        keys.push(put_key(&store).await);
    }
    keys.sort_by_key(|key| key.subject);
    assert_eq!(store.subject_keys.list(None, sample::ALL).await.expect("reads"), keys);
    for limit in [1, 2, 3, 7] {
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let page = store.subject_keys.list(after, limit).await.expect("reads");
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some(last.subject);
            paged.extend(page);
        }
        assert_eq!(paged, keys, "in pages of {limit}");
    }
}

fn replacement(from: &SubjectKey) -> KeyReplacement {
    KeyReplacement { from: from.clone(), to: sample::subject_key(from.subject).wrapped }
}

/// What somebody else has changed since is theirs.
pub async fn keys_that_are_as_they_were_read_are_replaced<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (one, other) = (put_key(&store).await, put_key(&store).await);
    let (changed, untouched) = (put_key(&store).await, put_key(&store).await);
    let theirs = sample::subject_key(changed.subject);
    store.put([RowChange::PutSubjectKey(theirs.clone())]).await;
    let replacements = [&one, &changed, &other].map(replacement);
    let [to_one, _, to_other] = replacements.clone().map(|replacement| replacement.to);
    let count = store.subject_keys.replace(replacements.to_vec()).await.expect("writes");
    assert_eq!(count, 2);
    assert_eq!(find(&store, one.subject).await.map(|key| key.wrapped), Some(to_one));
    assert_eq!(find(&store, other.subject).await.map(|key| key.wrapped), Some(to_other));
    assert_eq!(find(&store, changed.subject).await, Some(theirs));
    assert_eq!(find(&store, untouched.subject).await, Some(untouched));
    assert_eq!(store.subject_keys.replace(replacements.to_vec()).await.expect("writes"), 0, "once is enough");
}

/// Who was erased while the master key was being changed is erased.
pub async fn a_replacement_brings_no_shredded_key_back<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let key = put_key(&store).await;
    store.commit(Commit { shred: vec![key.subject], ..Commit::default() }).await;
    assert_eq!(store.subject_keys.replace(vec![replacement(&key)]).await.expect("writes"), 0);
    assert_eq!(find(&store, key.subject).await, None);
    assert!(store.subject_keys.list(None, sample::ALL).await.expect("reads").is_empty());
}
