use std::{cmp::Reverse, collections::HashMap};

use portcullis_domain::{
    caller::Role,
    commit::RowChange,
    company::{Member, MemberStatus},
    id::{CompanyId, UserId},
    port::{UserCursor, UserQuery},
    user::User,
    value::{Email, PersonName, Username},
};

use crate::{StoreHarness, StorePorts, sample};

fn named(name: &str) -> User {
    let mut user = sample::user();
    user.profile.name = PersonName::new(name);
    user
}

fn starting_with(prefix: &str) -> UserQuery {
    UserQuery { prefix: Some(UserQuery::prefix(prefix)), ..UserQuery::default() }
}

async fn page(store: &StorePorts, query: &UserQuery, after: Option<&UserCursor>, limit: usize) -> Vec<User> {
    store.users.list(query, after, limit).await.expect("reads")
}

async fn list(store: &StorePorts, query: &UserQuery) -> Vec<User> {
    page(store, query, None, sample::ALL).await
}

/// Read in pages of a size.
async fn paged(store: &StorePorts, query: &UserQuery, size: usize) -> Vec<User> {
    let read = async |after: Option<User>| {
        let after = after.map(|user| query.cursor_after(&user));
        page(store, query, after.as_ref(), size).await
    };
    sample::paged(size, read).await
}

async fn put(store: &StorePorts, users: &[User]) {
    store.put(users.iter().map(sample::put_user)).await;
}

/// By the words of the contract alone.
fn expected(users: &[User], companies: &HashMap<UserId, CompanyId>, query: &UserQuery) -> Vec<User> {
    let is_meant = |user: &&User| {
        let is_found = match &query.prefix {
            Some(prefix) => user.search_terms().iter().any(|term| term.starts_with(prefix.as_str())),
            None => true,
        };
        is_found
            && query.role.is_none_or(|role| user.role == role)
            && query.is_active.is_none_or(|is_active| user.is_active == is_active)
            && query.company.is_none_or(|company| companies.get(&user.id) == Some(&company))
    };
    let mut users: Vec<_> = users.iter().filter(is_meant).cloned().collect();
    match query.prefix {
        Some(_) => users.sort_by_key(|user| (query.term_of(user), user.id)),
        None => users.sort_by_key(|user| Reverse(user.id)),
    }
    users
}

/// Whoever is deleted with everything that refers to them.
fn deletion(user: UserId) -> [RowChange; 2] {
    [RowChange::DeleteMember(user), RowChange::DeleteUser(user)]
}

/// Once or twice; and everybody else is still there.
pub async fn a_deleted_user_is_found_by_nothing<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let company = store.put_new_company().await.id;
    let (user, other) = (store.put_new_user().await, store.put_new_user().await);
    let members = [&user, &other].map(|user| RowChange::PutMember(sample::member(user.id, company)));
    store.put(members).await;
    let profile = &user.profile;
    let username = profile.username.as_ref().expect("the sample has one");
    for _ in 0..2 {
        store.put(deletion(user.id)).await;
        assert_eq!(store.users.find(user.id).await.expect("reads"), None);
        assert_eq!(store.users.find_by_email(&profile.email).await.expect("reads"), None);
        assert_eq!(store.users.find_by_username(username).await.expect("reads"), None);
        let everybody = UserQuery::default();
        let queries = [
            everybody.clone(),
            starting_with(""),
            starting_with("jane"),
            starting_with("jane.doe"),
            UserQuery { role: Some(user.role), ..everybody.clone() },
            UserQuery { is_active: Some(user.is_active), ..everybody.clone() },
            UserQuery { company: Some(company), ..everybody },
        ];
        for query in queries {
            assert_eq!(list(&store, &query).await, [other.clone()], "{query:?}");
        }
        let terms = [profile.email.as_str(), username.as_str()];
        for term in terms {
            assert!(list(&store, &starting_with(term)).await.is_empty(), "{term}");
        }
    }
}

/// In the commit in which the account goes.
pub async fn the_names_of_a_deleted_user_find_their_next_owner<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let gone = store.put_new_user().await;
    let next = User { profile: gone.profile.clone(), ..sample::user() };
    store.put([RowChange::DeleteUser(gone.id), sample::put_user(&next)]).await;
    let username = gone.profile.username.as_ref().expect("the sample has one");
    assert_eq!(store.users.find(gone.id).await.expect("reads"), None);
    assert_eq!(store.users.find_by_email(&gone.profile.email).await.expect("reads"), Some(next.clone()));
    assert_eq!(store.users.find_by_username(username).await.expect("reads"), Some(next.clone()));
    assert_eq!(list(&store, &starting_with(username.as_str())).await, [next]);
}

/// Whatever the order in which they were put.
pub async fn users_are_listed_newest_first<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    assert!(list(&store, &UserQuery::default()).await.is_empty());
    let mut users: Vec<_> = (0..9).map(|_| sample::user()).collect();
    users.swap(2, 7);
    put(&store, &users).await;
    users.sort_by_key(|user| Reverse(user.id));
    assert_eq!(list(&store, &UserQuery::default()).await, users);
}

/// In Latin, accented, Cyrillic, Greek and Turkish letters, and in letters that have no case.
pub async fn a_prefix_finds_in_any_letter_case_and_script<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let cases = [
        ("Jane Doe", ["jane d", "JANE", "jAnE dOe"]),
        ("ÉMILE Zola", ["émile z", "ÉMILE", "É"]),
        ("Анна Каренина", ["анна к", "АННА", "аННА КаРеНиНа"]),
        ("ΝΊΚΗ", ["νίκη", "ΝΊΚ", "Ν"]),
        ("İPEK", ["i\u{307}pek", "İP", "İ"]),
        ("Straẞe", ["straße", "STRAẞE", "straß"]),
        ("김민준", ["김민준", "김민", "김"]),
        ("सत्यजित राय", ["सत्यजित", "स", "सत्यजित राय"]),
        ("Jose\u{301}", ["JOSE\u{301}", "jose\u{301}", "Jose\u{301}"]),
        ("𐐀𐐁", ["𐐨𐐩", "𐐀", "𐐨"]),
    ];
    for (name, prefixes) in cases {
        let mut by_name = named(name);
        by_name.profile.email = Email::new(format!("x{}@example.com", sample::number()));
        by_name.profile.username = None;
        let mut by_email = named("Nobody");
        by_email.profile.email = Email::new(format!("{name}@example.com"));
        by_email.profile.username = None;
        let mut by_username = named("Nobody");
        by_username.profile.email = Email::new(format!("x{}@example.com", sample::number()));
        by_username.profile.username = Some(Username::new(name.to_lowercase()));
        let users = [by_name, by_email, by_username];
        put(&store, &users).await;
        for prefix in prefixes {
            let query = starting_with(prefix);
            assert_eq!(list(&store, &query).await, expected(&users, &HashMap::new(), &query), "{prefix}");
        }
        let found = list(&store, &starting_with(&name.to_lowercase())).await;
        assert!(found.contains(&users[0]) && found.contains(&users[2]), "{name}");
        store.put(users.iter().map(|user| RowChange::DeleteUser(user.id))).await;
    }
}

/// Those of `LIKE`, of `GLOB` and of regular expressions; quotes, and what ends a text elsewhere.
pub async fn wildcards_in_a_prefix_are_plain_characters<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let names = [
        "100% Seoul",
        "100 Seoul",
        "a_b",
        "axb",
        "a\\b",
        "a\\\\b",
        "a\\%b",
        "%",
        "_",
        "\\",
        "a*b",
        "a?b",
        "[ab]c",
        "^a",
        ".*",
        "a'b",
        "a\"b",
        "a--",
        "a;b",
        "a|b",
    ];
    let users = names.map(named);
    put(&store, &users).await;
    let prefixes =
        names.into_iter().chain(["100%", "a_", "a\\", "a%", "[a", "a'", "__", "%%", "?", "*", "a."]);
    for prefix in prefixes {
        let query = starting_with(prefix);
        assert_eq!(list(&store, &query).await, expected(&users, &HashMap::new(), &query), "{prefix}");
    }
}

/// What follows a prefix in the order of texts is easily got wrong at the ends of the alphabet.
pub async fn a_prefix_of_any_text_is_answered<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let names = [
        "\u{d7ff}a",
        "\u{e000}b",
        "\u{ffff}c",
        "\u{10000}d",
        "\u{10ffff}e",
        "\u{10ffff}\u{10ffff}",
        "\u{7f}f",
        "~g",
    ];
    let users = names.map(named);
    put(&store, &users).await;
    let long = "x".repeat(100_000);
    let texts = [
        "\u{d7ff}",
        "\u{e000}",
        "\u{ffff}",
        "\u{10000}",
        "\u{10ffff}",
        "\u{10ffff}\u{10ffff}",
        "\u{7f}",
        "~",
        "\0",
        "~\0",
        "~g\0",
        "' OR '1'='1",
        " ",
        "\n",
        &long,
    ];
    for text in texts {
        let query = starting_with(text);
        assert_eq!(list(&store, &query).await, expected(&users, &HashMap::new(), &query), "{text:.9}");
    }
}

/// By its least term, though address, name and username begin alike.
pub async fn who_matches_by_several_terms_is_listed_once<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let users = [
        ("anna.b@example.com", "Anna C", Some("anna-a")),
        ("anna.a@example.com", "ANNA A", Some("anna_z")),
        ("anna@example.com", "anna", Some("anna")),
        ("zoe@example.com", "Anna B", None),
        ("Anna.c@example.com", "Zoe", Some("anna")),
    ];
    let users = users.map(|(email, name, username)| {
        let mut user = named(name);
        user.profile.email = Email::new(email);
        user.profile.username = username.map(Username::new);
        user
    });
    put(&store, &users).await;
    for prefix in ["", "a", "anna", "anna ", "anna.", "anna-", "anna@", "z"] {
        let query = starting_with(prefix);
        let expected = expected(&users, &HashMap::new(), &query);
        assert_eq!(list(&store, &query).await, expected, "{prefix}");
        for size in 1..=6 {
            assert_eq!(paged(&store, &query, size).await, expected, "{prefix} in pages of {size}");
        }
    }
}

/// The same term for many: pages go on between them.
pub async fn users_of_one_term_are_listed_by_id<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let mut users: Vec<_> =
        (0..7).map(|_| named("Kim Min-jun")).chain([named("Kim A"), named("Kim Z")]).collect();
    users.swap(1, 5);
    put(&store, &users).await;
    let query = starting_with("kim");
    let expected = expected(&users, &HashMap::new(), &query);
    for size in [1, 2, 3, 8, 9, 10] {
        assert_eq!(paged(&store, &query, size).await, expected, "in pages of {size}");
    }
}

/// Not as a language's dictionary would have it, which passes over spaces and hyphens.
pub async fn terms_are_in_the_order_of_their_code_points<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let names = [
        "ab", "a b", "a-b", "A.B", "a'b", "abc", "a bc", "ä", "z", "Zoë", "Zoe", "é", "e\u{301}", "e", "f",
        "анна", "Ёлка", "яна", "김", "가", "\u{ff5a}", "𐐨", "1", "10", "9",
    ];
    let users = names.map(|name| {
        let mut user = named(name);
        user.profile.email = Email::new(format!("{name}@example.com"));
        user.profile.username = None;
        user
    });
    put(&store, &users).await;
    for prefix in ["", "a", "e"] {
        let query = starting_with(prefix);
        let expected = expected(&users, &HashMap::new(), &query);
        assert_eq!(list(&store, &query).await, expected, "{prefix}");
        assert_eq!(paged(&store, &query, 2).await, expected, "{prefix} in pages");
    }
}

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
