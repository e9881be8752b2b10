use std::time::Duration;

use portcullis_domain::{
    caller::Role,
    commit::RowChange,
    port::{UserCursor, UserQuery, Users},
    user::User,
    value::{Email, PersonName, Username},
};

use super::{
    Folder, execute,
    plan::{statements, steps},
    row::{id, member, put, user},
};
use crate::{Sqlite, connection, row::user_list};

/// Every combination of filters, with one that many meet and one that few do.
fn queries(prefixes: &[Option<&str>]) -> Vec<UserQuery> {
    let mut queries = Vec::new();
    for prefix in prefixes {
        for role in [None, Some(Role::User), Some(Role::Admin)] {
            for is_active in [None, Some(true), Some(false)] {
                for company in [None, Some(id(1)), Some(id(2))] {
                    let prefix = prefix.map(UserQuery::prefix);
                    queries.push(UserQuery { prefix, role, is_active, company });
                }
            }
        }
    }
    queries
}

/// What the contract says, without any index.
fn expected(users: &[User], query: &UserQuery, company: impl Fn(&User) -> u128) -> Vec<User> {
    let mut found: Vec<_> = users
        .iter()
        .filter(|user| query.prefix.is_none() || query.term_of(user).is_some())
        .filter(|user| query.role.is_none_or(|role| role == user.role))
        .filter(|user| query.is_active.is_none_or(|is_active| is_active == user.is_active))
        .filter(|user| query.company.is_none_or(|wanted| wanted == id(company(user))))
        .cloned()
        .collect();
    if query.prefix.is_some() {
        found.sort_by_key(|user| (query.term_of(user), user.id));
    } else {
        found.sort_by_key(|user| std::cmp::Reverse(user.id));
    }
    found
}

async fn paged(store: &Sqlite, query: &UserQuery, size: usize) -> Vec<User> {
    let mut all: Vec<User> = Vec::new();
    loop {
        let after = all.last().map(|last| query.cursor_after(last));
        let page = store.list(query, after.as_ref(), size).await.expect("read");
        assert!(page.len() <= size);
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

#[tokio::test]
async fn every_query_gives_those_who_meet_it_in_order_and_each_once_whatever_the_page() {
    const USERS: u128 = 1_500;
    let folder = Folder::new();
    let store = folder.open();
    let company = |user: &User| 1 + u128::from(user.id.as_uuid().as_u128().is_multiple_of(40));
    let users: Vec<_> = (1..=USERS)
        .map(|number| {
            let mut user = user(number);
            // Terms that are equal, that begin with one another, and whose order is another than that of the ids.
            let spread = number * 7_919 % USERS;
            user.profile.email = Email::new(format!("J{spread}@example.com"));
            user.profile.name = PersonName::new(["J1", "j", "Öse J", "jo ann", "Zoë"][(number % 5) as usize]);
            user.profile.username =
                number.is_multiple_of(3).then(|| Username::new(format!("j{}", spread / 2)));
            user.role = if number.is_multiple_of(300) { Role::Admin } else { Role::User };
            user.is_active = !number.is_multiple_of(100);
            user
        })
        .collect();
    let rows = users.iter().map(|user| RowChange::PutUser(Box::new(user.clone())));
    let members =
        (1..=USERS).map(|number| RowChange::PutMember(member(number, company(&users[number as usize - 1]))));
    put(&store, rows.chain(members).collect()).await;

    for query in queries(&[None, Some(""), Some("J1"), Some("ös"), Some("nobody")]) {
        let wanted = expected(&users, &query, company);
        for size in [701, 5_000] {
            let found = paged(&store, &query, size).await;
            let ids = |users: &[User]| users.iter().map(|user| user.id).collect::<Vec<_>>();
            assert!(found == wanted, "{query:?}: {:?} for {:?}", ids(&found), ids(&wanted));
        }
    }
}

#[tokio::test]
async fn a_changed_user_is_found_by_what_they_are_now() {
    let folder = Folder::new();
    let store = folder.open();
    let mut jane = user(1);
    jane.profile.username = Some(Username::new("jane"));
    put(&store, vec![RowChange::PutUser(Box::new(jane.clone()))]).await;
    let find = |prefix: &str| {
        let query = UserQuery { prefix: Some(UserQuery::prefix(prefix)), ..UserQuery::default() };
        let store = &store;
        async move { store.list(&query, None, 9).await.expect("read") }
    };
    let mut changed = jane.clone();
    changed.version = 2;
    changed.profile.username = None;
    changed.profile.name = PersonName::new("Zoë");
    let mut signed_in = changed.clone();
    signed_in.version = 3;
    signed_in.last_login_at = Some(super::row::at(1));
    for user in [&jane, &changed, &signed_in] {
        put(&store, vec![RowChange::PutUser(Box::new(user.clone()))]).await;
        assert_eq!(find("user1").await, std::slice::from_ref(user));
    }
    assert_eq!(find("JAN").await, []);
    assert_eq!(find("ZOË").await, [signed_in]);
    put(&store, vec![RowChange::DeleteUser(id(1))]).await;
    assert_eq!(find("").await, []);
}

#[test]
fn no_list_reads_or_sorts_the_whole_table() {
    let folder = Folder::new();
    drop(folder.open());
    let mut connection = connection::writing(&folder.database(), Duration::ZERO).expect("connects");
    // More than few of each kind, so that a search with filters goes along the terms too.
    execute(
        &mut connection,
        "INSERT INTO users (id, version, email, email_folded, name, name_folded, role, is_active, is_verified, created_at, updated_at)
             WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 8000)
             SELECT CAST(format('%016d', n) AS BLOB), 1, 'u' || n, 'u' || n, 'U ' || n, 'u ' || n,
                    iif(n % 2 = 0, 'user', 'admin'), n % 4 < 2, 1, 0, 0 FROM numbers;
         INSERT INTO members SELECT id, x'00000000000000000000000000000001', 'member', 'active', 0 FROM users;",
    );
    let mut walks = 0;
    for query in queries(&[None, Some("u")]) {
        let term = query.prefix.clone();
        for after in [None, Some(UserCursor { term, id: id(1 << 125) })] {
            let texts = statements(&mut connection, |connection| {
                user_list::list(connection, &query, after.as_ref(), 50).expect("read");
            });
            assert!(!texts.is_empty());
            for text in texts {
                for detail in steps(&mut connection, &text) {
                    // The table from its end, as far as the limit.
                    if detail == "SCAN users"
                        && text.contains("FROM `users` ORDER BY `users`.`id` DESC LIMIT")
                    {
                        walks += 1;
                        continue;
                    }
                    assert!(!detail.contains("SCAN") && !detail.contains("TEMP B-TREE"), "{text}: {detail}");
                    // What is searched for among users of a role or activity is searched for among those alone.
                    let is_among_kinds = !detail.starts_with("SEARCH") || detail.contains("_by_kind_");
                    assert!(!text.contains("role = '") || is_among_kinds, "{text}: {detail}");
                }
            }
        }
    }
    assert!(walks > 0);
}
