use portcullis_domain::{
    caller::Role,
    commit::RowChange,
    port::{UserCount, Users},
    user::{Profile, User},
    value::{Email, PersonName, Phone, ShortText, Username},
};

use crate::{StoreHarness, sample};

async fn check_found(users: &dyn Users, user: &User) {
    let found = Some(user.clone());
    assert_eq!(users.find(user.id).await.expect("reads"), found, "by id");
    assert_eq!(users.find_by_email(&user.profile.email).await.expect("reads"), found, "by address");
    if let Some(username) = &user.profile.username {
        assert_eq!(users.find_by_username(username).await.expect("reads"), found, "by username");
    }
}

/// With every field filled, and with every field empty that can be; every role, each flag.
pub async fn a_put_user_is_found_by_id_address_and_username<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let mut bare = sample::user();
    bare.profile = Profile {
        username: None,
        phone: None,
        business_type: None,
        business_number: None,
        industry: None,
        region: None,
        ..bare.profile
    };
    bare.last_login_at = None;
    let mut users = vec![bare];
    for role in Role::ALL {
        let (is_active, is_verified) = (*role == Role::Admin, *role == Role::User);
        users.push(User { role: *role, is_active, is_verified, ..sample::user() });
    }
    store.put(users.iter().map(sample::put_user)).await;
    for user in &users {
        check_found(store.users.as_ref(), user).await;
    }
}

/// In accented, Cyrillic and Greek letters too, composed or not.
pub async fn an_address_is_found_in_any_letter_case<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let pairs = [
        ("Jane@Example.com", "jANE@eXAMPLE.COM"),
        ("JOS\u{c9}@example.com", "jose\u{301}@example.com"),
        ("АННА@пример.рф", "анна@ПРИМЕР.РФ"),
        ("ΝΊΚΗ@example.gr", "νίκη@example.gr"),
    ];
    for (stored, asked) in pairs {
        let mut user = sample::user();
        user.profile.email = Email::new(stored);
        store.put([sample::put_user(&user)]).await;
        let found = store.users.find_by_email(&Email::new(asked)).await.expect("reads");
        assert_eq!(found.as_ref(), Some(&user), "{asked}");
        assert_eq!(
            found.map(|found| found.profile.email.into_string()).as_deref(),
            Some(stored),
            "kept as given"
        );
    }
}

/// Nothing is folded, cut or replaced.
pub async fn users_of_any_script_read_back<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let names = ["김민준", "Анна", "सत्यजित राय", "نجيب محفوظ", "José 2", "Jose\u{301}", "O'Neil \u{2019}"];
    for name in names {
        let mut user = sample::user();
        user.profile.name = PersonName::new(name);
        user.profile.phone = Some(Phone::new("(02) 123.4567"));
        user.profile.industry =
            Some(ShortText::new(format!("{name} 😀 \u{1f469}\u{200d}\u{1f4bb} \\ \" ' % _")));
        user.profile.region = Some(ShortText::new("시".repeat(100)));
        store.put([sample::put_user(&user)]).await;
        check_found(store.users.as_ref(), &user).await;
    }
}

/// Wildcards and quotes are letters like any other.
pub async fn who_is_not_there_is_not_found<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let user = store.put_new_user().await;
    let users = store.users.as_ref();
    assert_eq!(users.find(sample::id()).await.expect("reads"), None);
    for text in ["", "%", "_", "' OR '1'='1", "jane", "*", "\0"] {
        assert_eq!(users.find_by_email(&Email::new(text)).await.expect("reads"), None, "{text:?}");
        assert_eq!(users.find_by_username(&Username::new(text)).await.expect("reads"), None, "{text:?}");
    }
    let address_as_username = Username::new(user.profile.email.as_str());
    assert_eq!(users.find_by_username(&address_as_username).await.expect("reads"), None);
}

/// Whole, and of nobody else.
pub async fn a_second_put_replaces_the_user<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (user, other) = (store.put_new_user().await, store.put_new_user().await);
    let changed = User { id: user.id, version: 8, ..sample::user() };
    store.put([sample::put_user(&changed)]).await;
    check_found(store.users.as_ref(), &changed).await;
    check_found(store.users.as_ref(), &other).await;
    assert_eq!(store.users.find_by_email(&user.profile.email).await.expect("reads"), None);
}

/// Changed, or given up.
pub async fn after_a_change_of_username_the_old_one_finds_nobody<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let mut user = store.put_new_user().await;
    for next in [Some(sample::username()), None] {
        let old = std::mem::replace(&mut user.profile.username, next).expect("it had one");
        store.put([sample::put_user(&user)]).await;
        assert_eq!(store.users.find_by_username(&old).await.expect("reads"), None);
        check_found(store.users.as_ref(), &user).await;
    }
}

/// In the commit in which its owner gives it up.
pub async fn a_username_given_up_finds_its_next_owner<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (mut one, mut other) = (store.put_new_user().await, store.put_new_user().await);
    other.profile.username = one.profile.username.replace(sample::username());
    store.put([sample::put_user(&one), sample::put_user(&other)]).await;
    check_found(store.users.as_ref(), &one).await;
    check_found(store.users.as_ref(), &other).await;
}

/// After each of what changes it.
pub async fn users_are_counted_and_the_active_apart<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let check = async |all, active| {
        let count = store.users.count().await.expect("counts");
        assert_eq!(count, UserCount { all, active });
    };
    check(0, 0).await;
    let users: Vec<_> = (0..5).map(|number| User { is_active: number != 4, ..sample::user() }).collect();
    store.put(users.iter().map(sample::put_user)).await;
    check(5, 4).await;
    store.put([sample::put_user(&User { is_active: false, ..users[0].clone() })]).await;
    check(5, 3).await;
    store.put([sample::put_user(&User { is_active: true, ..users[4].clone() })]).await;
    check(5, 4).await;
    store.put([RowChange::DeleteUser(users[0].id), RowChange::DeleteUser(users[1].id)]).await;
    check(3, 3).await;
}
