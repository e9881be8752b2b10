use chrono::TimeDelta;
use portcullis_domain::{commit::RowChange, user::Credential, value::PasswordHash};

use crate::{StoreHarness, sample};

/// To the byte, and by its own user alone.
pub async fn a_put_credential_is_found<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (user, other) = (store.put_new_user().await, store.put_new_user().await);
    let credential = sample::credential(user.id);
    store.put([RowChange::PutCredential(credential.clone())]).await;
    assert_eq!(store.credentials.find(user.id).await.expect("reads"), Some(credential));
    assert_eq!(store.credentials.find(other.id).await.expect("reads"), None);
    assert_eq!(store.credentials.find(sample::id()).await.expect("reads"), None);
}

/// Of that user alone.
pub async fn a_second_put_replaces_it<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (user, other) = (store.put_new_user().await, store.put_new_user().await);
    let (before, others) = (sample::credential(user.id), sample::credential(other.id));
    store.put([before, others.clone()].map(RowChange::PutCredential)).await;
    let after = Credential {
        user: user.id,
        password: PasswordHash::new("$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"),
        changed_at: sample::now() + TimeDelta::microseconds(1),
        history: Vec::new(),
    };
    store.put([RowChange::PutCredential(after.clone())]).await;
    assert_eq!(store.credentials.find(user.id).await.expect("reads"), Some(after));
    assert_eq!(store.credentials.find(other.id).await.expect("reads"), Some(others));
}
