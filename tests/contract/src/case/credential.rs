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

/// Neither sorted nor without repeats, and each hash to the byte, whatever is in it.
pub async fn a_history_reads_back_in_its_order<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let odd = ["$2b$12$R9h/cIPz0gi.URNNX3kh2O", "", ",", "a,b", "{\"a\"}", "\\", "'", "NULL", " a ", "김\n"];
    let histories = [
        vec![],
        vec![sample::password_hash()],
        ["z", "a", "m", "a", "b"].map(PasswordHash::new).to_vec(),
        odd.map(PasswordHash::new).to_vec(),
        (0..24).rev().map(|number| PasswordHash::new(number.to_string())).collect(),
    ];
    let user = store.put_new_user().await.id;
    for history in histories {
        let credential = Credential { history, ..sample::credential(user) };
        store.put([RowChange::PutCredential(credential.clone())]).await;
        assert_eq!(store.credentials.find(user).await.expect("reads"), Some(credential));
    }
}

/// And only that one is not; another one can be put.
pub async fn a_deleted_credential_is_not_found<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (user, other) = (store.put_new_user().await.id, store.put_new_user().await.id);
    let others = sample::credential(other);
    store.put([sample::credential(user), others.clone()].map(RowChange::PutCredential)).await;
    for _ in 0..2 {
        store.put([RowChange::DeleteCredential(user)]).await;
        assert_eq!(store.credentials.find(user).await.expect("reads"), None);
        assert_eq!(store.credentials.find(other).await.expect("reads").as_ref(), Some(&others));
    }
    let next = sample::credential(user);
    store.put([RowChange::PutCredential(next.clone())]).await;
    assert_eq!(store.credentials.find(user).await.expect("reads"), Some(next));
}
