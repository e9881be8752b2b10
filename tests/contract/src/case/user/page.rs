use std::collections::HashMap;

use portcullis_domain::{
    caller::Role,
    commit::RowChange,
    company::{Member, MemberStatus},
    id::{CompanyId, UserId},
    port::UserQuery,
    user::User,
    value::{Email, Username},
};

use super::list::{expected, list, named, page, paged, put, starting_with};
use crate::{StoreHarness, StorePorts, sample};

/// Three hundred of every kind, and the companies some of them are in.
struct Crowd {
    users: Vec<User>,
    companies: HashMap<UserId, CompanyId>,
    both: [CompanyId; 2],
}

impl Crowd {
    async fn put(store: &StorePorts) -> Self {
        let names = [
            "Anna Berg",
            "ANNA BERG",
            "Annabel",
            "Анна",
            "АННА К",
            "김민준",
            "김서연",
            "José",
            "Jane 100%",
            "zoe",
        ];
        let both = [store.put_new_company().await.id, store.put_new_company().await.id];
        let (mut users, mut companies) = (Vec::new(), HashMap::new());
        let mut members = Vec::new();
        for number in 0..300_usize {
            let mut user = named(names[number % names.len()]);
            user.role = Role::ALL[number % 7 % Role::ALL.len()];
            user.is_active = number % 4 != 0;
            user.profile.email = match number % 3 {
                0 => Email::new(format!("Anna.{number}@example.com")),
                1 => Email::new(format!("김{number}@example.com")),
                _ => user.profile.email,
            };
            if number % 5 == 0 {
                user.profile.username = None;
            } else if number % 5 == 1 {
                user.profile.username = Some(Username::new(format!("anna-{number}")));
            }
            if let Some(company) = both.get(number % 11 % 4) {
                companies.insert(user.id, *company);
                let status = MemberStatus::ALL[number % 2];
                members.push(Member { status, ..sample::member(user.id, *company) });
            }
            users.push(user);
        }
        // In no order, and some of them changed since.
        store.put(users.iter().rev().step_by(2).map(|user| sample::put_user(&named_since(user)))).await;
        put(store, &users).await;
        store.put(members.into_iter().map(RowChange::PutMember)).await;
        Self { users, companies, both }
    }
}

fn named_since(user: &User) -> User {
    User { id: user.id, ..sample::user() }
}

/// Every prefix with every role, activity and company, in pages of every kind.
pub async fn filters_give_who_meets_all_of_them_in_pages<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let crowd = Crowd::put(&store).await;
    let prefixes = ["", "a", "ANNA", "anna b", "anna-1", "анна", "김", "김1", "j", "jane 100%", "nobody"];
    let prefixes: Vec<_> =
        [None].into_iter().chain(prefixes.map(|text| Some(UserQuery::prefix(text)))).collect();
    let roles: Vec<_> = [None].into_iter().chain(Role::ALL.iter().copied().map(Some)).collect();
    let companies = [None, Some(crowd.both[0]), Some(crowd.both[1]), Some(sample::id())];
    let mut sizes = [19, 64, 300, 301, usize::MAX].into_iter().cycle();
    for prefix in prefixes {
        for role in &roles {
            for is_active in [None, Some(true), Some(false)] {
                for company in companies {
                    let query = UserQuery { prefix: prefix.clone(), role: *role, is_active, company };
                    let size = sizes.next().expect("they come again and again");
                    let expected = expected(&crowd.users, &crowd.companies, &query);
                    let found = paged(&store, &query, size).await;
                    assert!(
                        found == expected,
                        "{query:?} in pages of {size}: {} instead of {}",
                        found.len(),
                        expected.len()
                    );
                }
            }
        }
    }
    assert!(page(&store, &UserQuery::default(), None, 0).await.is_empty());
    assert!(page(&store, &starting_with("a"), None, 0).await.is_empty());
}

/// By whatever is asked for, from the commit on that changed it.
pub async fn a_list_follows_what_changes<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (one, another) = (store.put_new_company().await.id, store.put_new_company().await.id);
    let before = named("Before");
    let after = User { role: Role::Admin, is_active: false, id: before.id, ..named("After") };
    let mut was = before.profile.clone();
    let everybody = UserQuery::default();
    let asked = |user: &User, company| {
        let username = user.profile.username.as_ref().expect("the sample has one");
        [
            starting_with(user.profile.email.as_str()),
            starting_with(user.profile.name.as_str()),
            starting_with(username.as_str()),
            UserQuery { role: Some(user.role), ..everybody.clone() },
            UserQuery { is_active: Some(user.is_active), ..everybody.clone() },
            UserQuery { company: Some(company), ..everybody.clone() },
        ]
    };
    for (user, company, old) in [(&before, one, None), (&after, another, Some((&before, one)))] {
        store.put([sample::put_user(user), RowChange::PutMember(sample::member(user.id, company))]).await;
        for query in asked(user, company) {
            assert_eq!(list(&store, &query).await, std::slice::from_ref(user), "{query:?}");
        }
        for query in old.map(|(user, company)| asked(user, company)).into_iter().flatten() {
            assert!(list(&store, &query).await.is_empty(), "{query:?}");
        }
    }
    was.username = None;
    let nameless = User { profile: was, ..before };
    put(&store, std::slice::from_ref(&nameless)).await;
    store.put([RowChange::DeleteMember(nameless.id)]).await;
    let username = after.profile.username.expect("the sample has one");
    assert!(list(&store, &starting_with(username.as_str())).await.is_empty());
    assert!(list(&store, &UserQuery { company: Some(another), ..everybody }).await.is_empty());
}

/// Where its user was, though it is deleted or goes by another name since.
pub async fn a_page_goes_on_after_a_user_who_is_gone<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let users: Vec<_> = (0..9).map(|number| named(&format!("Kim {}", number / 3))).collect();
    put(&store, &users).await;
    for query in [UserQuery::default(), starting_with("kim")] {
        let before = list(&store, &query).await;
        let last = &before[4];
        let cursor = query.cursor_after(last);
        let renamed = User { profile: named("Lee").profile, ..last.clone() };
        let rest = |users: Vec<User>| users.into_iter().map(|user| user.id).collect::<Vec<_>>();
        let expected = rest(before[5..].to_vec());
        put(&store, &[renamed]).await;
        assert_eq!(rest(page(&store, &query, Some(&cursor), 9).await), expected, "after a change of name");
        store.put([RowChange::DeleteUser(last.id)]).await;
        assert_eq!(rest(page(&store, &query, Some(&cursor), 9).await), expected, "after a deletion");
        put(&store, std::slice::from_ref(last)).await;
    }
}
