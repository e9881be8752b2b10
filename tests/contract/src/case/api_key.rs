use chrono::TimeDelta;
use portcullis_domain::{
    api_key::{ApiKey, ApiKeyPrefix, Principal},
    commit::RowChange,
    id::{CompanyId, UserId},
    value::ShortText,
};

use crate::{StoreHarness, StorePorts, sample};

fn put(key: &ApiKey) -> RowChange {
    RowChange::PutApiKey(Box::new(key.clone()))
}

async fn find(store: &StorePorts, key: &ApiKey) -> Option<ApiKey> {
    store.api_keys.find_by_prefix(&key.prefix).await.expect("reads")
}

async fn list(store: &StorePorts, owner: Principal) -> Vec<ApiKey> {
    store.api_keys.list_by_owner(owner).await.expect("reads")
}

/// A new person and a new company.
async fn owners(store: &StorePorts) -> [Principal; 2] {
    [Principal::User(store.put_new_user().await.id), Principal::Company(store.put_new_company().await.id)]
}

async fn put_key(store: &StorePorts, owner: Principal) -> ApiKey {
    let key = sample::api_key(owner);
    store.put([put(&key)]).await;
    key
}

/// With every field, and with none that may be absent; of a person and of a company; also when its time is over.
pub async fn a_put_api_key_is_found_by_its_prefix<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    for owner in owners(&store).await {
        let full = sample::api_key(owner);
        let used = ApiKey { last_used_at: Some(sample::now()), ..sample::api_key(owner) };
        let bare = ApiKey {
            previous: None,
            features: Vec::new(),
            expires_at: sample::now() - TimeDelta::days(1),
            ..sample::api_key(owner)
        };
        store.put([put(&full), put(&used), put(&bare)]).await;
        for key in [full, used, bare] {
            assert_eq!(find(&store, &key).await, Some(key));
        }
    }
    let unknown = ApiKeyPrefix::new("000000000000");
    assert_eq!(store.api_keys.find_by_prefix(&unknown).await.expect("reads"), None);
}

/// Another secret, no previous one any more, and whatever else may change.
pub async fn a_second_put_replaces_the_api_key<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    for owner in owners(&store).await {
        let (key, other) = (put_key(&store, owner).await, put_key(&store, owner).await);
        let changed = ApiKey {
            name: ShortText::new("another"),
            secret: other.secret,
            previous: None,
            features: Vec::new(),
            expires_at: key.expires_at + TimeDelta::days(1),
            last_used_at: Some(sample::now()),
            ..key.clone()
        };
        store.put([put(&changed)]).await;
        assert_eq!(find(&store, &key).await, Some(changed));
        assert_eq!(find(&store, &other).await, Some(other));
    }
}

/// And only that one is.
pub async fn a_deleted_api_key_is_not_found<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    for owner in owners(&store).await {
        let (deleted, kept) = (put_key(&store, owner).await, put_key(&store, owner).await);
        for _ in 0..2 {
            store.put([RowChange::DeleteApiKey(deleted.id)]).await;
            assert_eq!(find(&store, &deleted).await, None);
            assert_eq!(list(&store, owner).await, std::slice::from_ref(&kept));
        }
    }
}

/// Whatever the order in which they were put.
pub async fn an_owners_api_keys_are_listed_newest_first<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let [one, other] = owners(&store).await;
    let [first, second, third] = [(), (), ()].map(|()| sample::api_key(one));
    let others = sample::api_key(other);
    store.put([&second, &others, &third, &first].map(put)).await;
    assert_eq!(list(&store, one).await, [third, second, first]);
    assert_eq!(list(&store, other).await, [others]);
    assert!(list(&store, Principal::User(sample::id())).await.is_empty());
}

/// Ids of people and of companies are two sets.
pub async fn a_user_and_a_company_of_one_id_are_two_owners<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let id: uuid::Uuid = sample::id();
    let (user, company) = (Principal::User(UserId::new(id)), Principal::Company(CompanyId::new(id)));
    let (users, companys) = (put_key(&store, user).await, put_key(&store, company).await);
    assert_eq!(list(&store, user).await, std::slice::from_ref(&users));
    assert_eq!(list(&store, company).await, std::slice::from_ref(&companys));
    store.put([RowChange::DeleteApiKeysOf(user)]).await;
    assert!(list(&store, user).await.is_empty());
    assert_eq!(list(&store, company).await, [companys]);
}

/// And are found no more.
pub async fn deleting_all_of_one_owners_leaves_everybody_elses_keys<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let [one, other] = owners(&store).await;
    let deleted = [put_key(&store, one).await, put_key(&store, one).await];
    let kept = put_key(&store, other).await;
    for _ in 0..2 {
        store.put([RowChange::DeleteApiKeysOf(one)]).await;
        assert!(list(&store, one).await.is_empty());
        for key in &deleted {
            assert_eq!(find(&store, key).await, None);
        }
        assert_eq!(list(&store, other).await, std::slice::from_ref(&kept));
    }
}

/// From never, and then from time to time; an earlier one changes nothing.
pub async fn a_touch_moves_last_used_forward_and_nothing_else<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let [owner, _] = owners(&store).await;
    let (key, other) = (put_key(&store, owner).await, put_key(&store, owner).await);
    let at = |micros| sample::now() + TimeDelta::microseconds(micros);
    for (touched, expected) in [(5, 5), (4, 5), (5, 5), (6, 6), (-1_000_000, 6)] {
        store.put([RowChange::TouchApiKey(key.id, at(touched))]).await;
        let expected = ApiKey { last_used_at: Some(at(expected)), ..key.clone() };
        assert_eq!(find(&store, &key).await, Some(expected));
    }
    assert_eq!(find(&store, &other).await, Some(other));
}

/// It fails nothing, and brings nothing back.
pub async fn a_touch_of_an_api_key_that_is_gone_does_nothing<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let [owner, _] = owners(&store).await;
    let (gone, key) = (put_key(&store, owner).await, put_key(&store, owner).await);
    store.put([RowChange::DeleteApiKey(gone.id)]).await;
    store.put([gone.id, key.id].map(|id| RowChange::TouchApiKey(id, sample::now()))).await;
    assert_eq!(find(&store, &gone).await, None);
    let touched = find(&store, &key).await.expect("there");
    assert_eq!(touched.last_used_at, Some(sample::now()), "the rest of the commit applies");
}
