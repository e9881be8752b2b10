//! The accounts of others: found, made, changed and shut out by those whose role allows it.

use serde_json::{Value, json};

use crate::{
    client::{Client, PASSWORD, Tokens},
    race::{at_once, clients, intact},
    server::Server,
};

const ADMIN: &str = "admin@example.com";
const JANE: &str = "jane@example.com";
const UNVERIFIED: (&str, &str) = ("ENABLE_EMAIL_VERIFICATION", "false");

/// A service with an administrator, and Jane, whom they look after.
async fn staffed() -> (Server, Client, Tokens, String) {
    let server = Server::start_with(&[UNVERIFIED]);
    let client = Client::of(&server);
    let admin = client.admin(&server, ADMIN).await;
    let jane = client.register(JANE).await;
    let jane = id(jane.expect(201));
    (server, client, admin, jane)
}

fn id(user: &Value) -> String {
    user["id"].as_str().expect("an id").to_owned()
}

fn new_account(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "name": "Jane Doe"})
}

/// The addresses of a page, and the cursor to the next one.
async fn page(client: &Client, admin: &Tokens, query: &str) -> (Vec<String>, Option<String>) {
    let answer = client.get(&format!("/users?{query}"), &admin.access).await;
    let body = answer.expect(200);
    let items = body["items"].as_array().expect("a list").iter();
    let emails = items.map(|user| user["email"].as_str().expect("an address").to_owned()).collect();
    (emails, body["next_cursor"].as_str().map(str::to_owned))
}

async fn found(client: &Client, admin: &Tokens, query: &str) -> Vec<String> {
    let (emails, next) = page(client, admin, query).await;
    assert_eq!(next, None);
    emails
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_found_by_what_they_are_and_by_how_a_name_of_theirs_begins() {
    let (_server, client, admin, jane) = staffed().await;
    for (email, name, username) in
        [("kim@example.com", "Kim Minsu", "minsu"), ("janet@example.com", "Petra", "jan.et")]
    {
        let body = json!({"email": email, "password": PASSWORD, "name": name, "username": username});
        client.post("/auth/register", &body).await.expect(201);
    }
    assert_eq!(found(&client, &admin, "q=JANE").await, ["jane@example.com", "janet@example.com"]);
    assert_eq!(found(&client, &admin, "q=minsu").await, ["kim@example.com"]);
    assert_eq!(found(&client, &admin, "q=petra").await, ["janet@example.com"]);
    assert_eq!(found(&client, &admin, "q=example.com").await, [""; 0], "a prefix, and no part");
    assert_eq!(found(&client, &admin, "q=%25").await, [""; 0], "no pattern");
    assert_eq!(found(&client, &admin, "role=admin").await, [ADMIN]);
    client.act(&format!("/users/{jane}/deactivate"), &admin.access, &json!({})).await.expect(200);
    assert_eq!(found(&client, &admin, "is_active=false").await, [JANE]);
    assert_eq!(found(&client, &admin, "q=jan&is_active=true").await, ["janet@example.com"]);
    let company = "company_id=01890000-0000-7000-8000-000000000000";
    assert_eq!(found(&client, &admin, company).await, [""; 0]);
    let everybody = found(&client, &admin, "").await;
    assert_eq!(everybody, ["janet@example.com", "kim@example.com", JANE, ADMIN], "newest first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_pages_without_a_gap_or_a_repeat_and_refuses_what_it_did_not_give() {
    let (_server, client, admin, _) = staffed().await;
    for number in 0..5 {
        client.register(&format!("jane{number}@example.com")).await.expect(201);
    }
    for query in ["", "&q=jane", "&role=user"] {
        let whole = found(&client, &admin, &format!("limit=200{query}")).await;
        let (mut all, mut cursor) = page(&client, &admin, &format!("limit=2{query}")).await;
        while let Some(place) = cursor {
            let (next, after) = page(&client, &admin, &format!("limit=2{query}&cursor={place}")).await;
            assert!(next.len() <= 2);
            all.extend(next);
            cursor = after;
        }
        assert_eq!(all, whole);
    }
    for (query, field) in [
        ("cursor=x", "cursor"),
        ("cursor=e30", "cursor"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("role=king", "role"),
        ("is_active=perhaps", "is_active"),
        ("company_id=7", "company_id"),
    ] {
        let answer = client.get(&format!("/users?{query}"), &admin.access).await;
        let fields = &answer.expect_error(400, "COMMON_9001").body["details"]["fields"];
        assert!(fields[field].is_array(), "{query}: {fields}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_makes_an_account_whose_owner_signs_in() {
    let (_server, client, admin, _) = staffed().await;
    let mut body = new_account("new@example.com");
    body["role"] = "moderator".into();
    body["is_verified"] = true.into();
    let made = client.act("/admin/users", &admin.access, &body).await;
    let user = made.expect(201);
    assert_eq!((&user["role"], &user["is_verified"]), (&"moderator".into(), &true.into()));
    let moderator = client.login("new@example.com", PASSWORD).await.tokens();
    client.get("/users", &moderator.access).await.expect(200);
    client.act("/admin/users", &admin.access, &body).await.expect_error(409, "USER_1102");
    let refused = client.act("/admin/users", &moderator.access, &new_account("more@example.com")).await;
    assert_eq!(refused.expect_error(403, "USER_1007").body["details"]["required"], "user:create");
    let weak = json!({"email": "no address", "password": "x", "name": "y", "role": "user"});
    client.act("/admin/users", &admin.access, &weak).await.expect_error(400, "USER_1104");
    let plain = client.act("/admin/users", &admin.access, &new_account("plain@example.com")).await;
    let plain = plain.expect(201);
    assert_eq!((&plain["role"], &plain["is_verified"]), (&"user".into(), &false.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_changes_a_profile_as_its_owner_would() {
    let (_server, client, admin, jane) = staffed().await;
    let path = format!("/users/{jane}");
    let before = client.get(&path, &admin.access).await;
    assert_eq!(before.expect(200)["email"], JANE);
    let changed = client.put(&path, &admin.access, &json!({"name": "Jane Roe", "username": "jane"})).await;
    assert_eq!(
        (&changed.expect(200)["name"], &changed.body["username"]),
        (&"Jane Roe".into(), &"jane".into())
    );
    let tokens = client.login(JANE, PASSWORD).await.tokens();
    assert_eq!(client.get("/users/me", &tokens.access).await.body["name"], "Jane Roe");
    client.put(&path, &admin.access, &json!({"name": null})).await.expect_error(400, "COMMON_9001");
    client.put(&path, &admin.access, &json!({"role": "admin"})).await.expect_error(400, "COMMON_9001");
    let nobody = "/users/01890000-0000-7000-8000-000000000000";
    client.get(nobody, &admin.access).await.expect_error(404, "USER_1101");
    client.put(nobody, &admin.access, &json!({"name": "Jane Roe"})).await.expect_error(404, "USER_1101");
    client.get("/users/7", &admin.access).await.expect_error(400, "COMMON_9001");
    // The caller's own account by its id, too.
    let own = client.get("/users/me", &admin.access).await;
    let own = client.get(&format!("/users/{}", id(&own.body)), &admin.access).await;
    assert_eq!(own.expect(200)["email"], ADMIN);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_deactivated_is_out_at_once_and_back_when_activated() {
    let (server, client, admin, jane) = staffed().await;
    let sessions = [client.login(JANE, PASSWORD).await.tokens(), client.login(JANE, PASSWORD).await.tokens()];
    let act =
        async |what: &str| client.act(&format!("/users/{jane}/{what}"), &admin.access, &json!({})).await;
    for _ in 0..2 {
        assert_eq!(act("deactivate").await.expect(200)["is_active"], false);
        for tokens in &sessions {
            client.get("/auth/me", &tokens.access).await.expect_error(401, "USER_1006");
            client.refresh(&tokens.refresh).await.expect_error(401, "USER_1202");
        }
        client.login(JANE, PASSWORD).await.expect_error(403, "USER_1002");
        client.login(JANE, "Tr4vel-heavy").await.expect_error(401, "USER_1001");
    }
    for _ in 0..2 {
        assert_eq!(act("activate").await.expect(200)["is_active"], true);
    }
    client.get("/auth/me", &sessions[0].access).await.expect_error(401, "USER_1006");
    client.login(JANE, PASSWORD).await.expect(200);
    act("unlock").await.expect(200);
    // Two for the administrator, and Jane's: created, signed in three times, deactivated and activated once each, unlocked.
    assert_eq!(intact(&server), "intact: 9 events on 2 streams");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_counts_from_the_next_request_on() {
    let (_server, client, admin, jane) = staffed().await;
    let tokens = client.login(JANE, PASSWORD).await.tokens();
    let path = format!("/users/{jane}/role");
    for (role, status) in [("moderator", 200), ("user", 403), ("admin", 200), ("user", 403)] {
        let changed = client.put(&path, &admin.access, &json!({"role": role})).await;
        assert_eq!(changed.expect(200)["role"], role);
        assert_eq!(client.get("/users", &tokens.access).await.status, status, "{role}");
        assert_eq!(client.get("/auth/me", &tokens.access).await.expect(200)["user"]["role"], role);
    }
    client.put(&path, &admin.access, &json!({"role": "king"})).await.expect_error(400, "COMMON_9001");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_stays() {
    let (_server, client, admin, jane) = staffed().await;
    let own = id(&client.get("/users/me", &admin.access).await.body);
    let demote = async |access: &str| {
        client.put(&format!("/users/{own}/role"), access, &json!({"role": "user"})).await
    };
    let refused = demote(&admin.access).await;
    assert_eq!(refused.expect_error(409, "COMMON_9001").body["details"]["reason"], "last_admin");
    let refused = client.act(&format!("/users/{own}/deactivate"), &admin.access, &json!({})).await;
    assert_eq!(refused.expect_error(409, "COMMON_9001").body["details"]["reason"], "last_admin");
    client.put(&format!("/users/{jane}/role"), &admin.access, &json!({"role": "admin"})).await.expect(200);
    demote(&admin.access).await.expect(200);
    client.get("/users", &admin.access).await.expect_error(403, "USER_1007");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_administrators_who_take_each_other_away_at_once_one_stays() {
    let (server, client, admin, jane) = staffed().await;
    let own = id(&client.get("/users/me", &admin.access).await.body);
    let jane_tokens = client.login(JANE, PASSWORD).await.tokens();
    let mut root = admin.clone();
    for round in 0..10 {
        // Whoever is left makes the other one an administrator again.
        for user in [&own, &jane] {
            client.act(&format!("/users/{user}/activate"), &root.access, &json!({})).await.expect(200);
            let path = format!("/users/{user}/role");
            client.put(&path, &root.access, &json!({"role": "admin"})).await.expect(200);
        }
        let pairs = [(admin.clone(), jane.clone()), (jane_tokens.clone(), own.clone())];
        let answers = at_once(clients(&server, 2), |client, number| {
            let (tokens, other) = pairs[number].clone();
            let path = format!("/users/{other}/role");
            async move { client.put(&path, &tokens.access, &json!({"role": "user"})).await }
        })
        .await;
        let won: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(won.iter().filter(|status| **status == 200).count(), 1, "round {round}: {won:?}");
        let lost = answers.iter().find(|answer| answer.status != 200).expect("one");
        // Too late to be decided, or to be allowed at all.
        match lost.status {
            409 => drop(lost.expect_error(409, "COMMON_9001")),
            _ => drop(lost.expect_error(403, "USER_1007")),
        }
        root = if won[0] == 200 { admin.clone() } else { jane_tokens.clone() };
        assert_eq!(found(&client, &root, "role=admin").await.len(), 1);
    }
    intact(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_survives_a_deactivation_that_sign_ins_race() {
    let (server, client, admin, jane) = staffed().await;
    for round in 0..8 {
        let answers = at_once(clients(&server, 8), |client, number| {
            let (access, path) = (admin.access.clone(), format!("/users/{jane}/deactivate"));
            async move {
                if number == round {
                    client.act(&path, &access, &json!({})).await
                } else {
                    client.login(JANE, PASSWORD).await
                }
            }
        })
        .await;
        for (number, answer) in answers.iter().enumerate() {
            match answer.status {
                200 if number != round => {
                    let tokens = answer.tokens();
                    client.get("/auth/me", &tokens.access).await.expect_error(401, "USER_1006");
                    client.refresh(&tokens.refresh).await.expect_error(401, "USER_1202");
                }
                200 => assert_eq!(answer.body["is_active"], false),
                _ => drop(answer.expect_error(403, "USER_1002")),
            }
        }
        let sessions = client.get(&format!("/users/{jane}/sessions"), &admin.access).await;
        assert_eq!(sessions.expect(200)["items"], json!([]));
        client.act(&format!("/users/{jane}/activate"), &admin.access, &json!({})).await.expect(200);
    }
    intact(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sees_and_ends_somebodys_sessions() {
    let (_server, client, admin, jane) = staffed().await;
    let tokens = client.login(JANE, PASSWORD).await.tokens();
    let path = format!("/users/{jane}/sessions");
    let sessions = client.get(&path, &admin.access).await;
    let items = sessions.expect(200)["items"].as_array().expect("a list").clone();
    assert_eq!((items.len(), &items[0]["current"]), (1, &false.into()));
    for _ in 0..2 {
        client.delete(&path, &admin.access).await.expect(200);
        client.get("/auth/me", &tokens.access).await.expect_error(401, "USER_1006");
    }
    assert_eq!(client.get(&path, &admin.access).await.expect(200)["items"], json!([]));
    client.login(JANE, PASSWORD).await.expect(200);
}
