use std::{cmp::Reverse, collections::HashMap};

use portcullis_domain::{
    commit::RowChange,
    id::{CompanyId, UserId},
    port::{UserCursor, UserQuery},
    user::User,
    value::{Email, PersonName, Username},
};

use crate::{StoreHarness, StorePorts, sample};

pub(super) fn named(name: &str) -> User {
    let mut user = sample::user();
    user.profile.name = PersonName::new(name);
    user
}

pub(super) fn starting_with(prefix: &str) -> UserQuery {
    UserQuery { prefix: Some(UserQuery::prefix(prefix)), ..UserQuery::default() }
}

pub(super) async fn page(
    store: &StorePorts,
    query: &UserQuery,
    after: Option<&UserCursor>,
    limit: usize,
) -> Vec<User> {
    store.users.list(query, after, limit).await.expect("reads")
}

pub(super) async fn list(store: &StorePorts, query: &UserQuery) -> Vec<User> {
    page(store, query, None, sample::ALL).await
}

/// Read in pages of a size.
pub(super) async fn paged(store: &StorePorts, query: &UserQuery, size: usize) -> Vec<User> {
    let read = async |after: Option<User>| {
        let after = after.map(|user| query.cursor_after(&user));
        page(store, query, after.as_ref(), size).await
    };
    sample::paged(size, read).await
}

pub(super) async fn put(store: &StorePorts, users: &[User]) {
    store.put(users.iter().map(sample::put_user)).await;
}

/// By the words of the contract alone.
pub(super) fn expected(
    users: &[User],
    companies: &HashMap<UserId, CompanyId>,
    query: &UserQuery,
) -> Vec<User> {
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
            assert_eq!(list(&store, &query).await, std::slice::from_ref(&other), "{query:?}");
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
