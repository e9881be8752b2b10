use serde_json::{Value, json};

use super::{Person, Place, keys, text};

#[tokio::test(flavor = "multi_thread")]
async fn members_are_listed_page_by_page_with_those_who_ask() {
    let place = Place::start().await;
    let manager = place.member("manager@example.com", "manager").await;
    let member = place.member("member@example.com", "member").await;
    let asking = place.asking("asking@example.com").await;
    place.stranger("stranger@example.com").await;

    let mut items = Vec::new();
    let mut path = "/companies/me/members?limit=3".to_owned();
    loop {
        let page = manager.get(&path).await;
        items.extend(page.expect(200)["items"].as_array().expect("a list").clone());
        match page.body["next_cursor"].as_str() {
            Some(cursor) => path = format!("/companies/me/members?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    let found: Vec<_> = items
        .iter()
        .map(|item| [&item["user_id"], &item["email"], &item["role"], &item["membership"]].map(text))
        .collect();
    let line = |id: &str, email: &str, role: &str, membership: &str| {
        [id, email, role, membership].map(str::to_owned)
    };
    assert_eq!(
        found,
        [
            line(&asking.id, "asking@example.com", "member", "pending"),
            line(&member.id, "member@example.com", "member", "active"),
            line(&manager.id, "manager@example.com", "manager", "active"),
            line(&place.owner.id, "owner@example.com", "owner", "active"),
        ]
    );
    assert_eq!(keys(&items[0]), ["email", "joined_at", "membership", "name", "role", "user_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_bounds_and_a_cursor_is_one_that_was_given() {
    let place = Place::start().await;
    for query in ["limit=0", "limit=201", "limit=-1", "limit=x", "cursor=x", "cursor=e30"] {
        let refused = place.owner.get(&format!("/companies/me/members?{query}")).await;
        refused.expect_error(400, "COMMON_9001");
        let name = query.split('=').next().expect("a name");
        assert_eq!(keys(&refused.body["details"]["fields"]), [name], "{query}");
    }
    place.owner.get("/companies/me/members?limit=200").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_makes_members_what_they_like_and_it_holds_at_once() {
    let place = Place::start().await;
    let jane = place.member("jane@example.com", "member").await;
    for role in ["manager", "owner", "member"] {
        let changed = place.owner.make(&jane.id, role).await;
        assert_eq!(keys(changed.expect(200)), ["joined_at", "membership", "role", "user_id"]);
        assert_eq!(changed.body["role"], role);
        assert_eq!(jane.membership().await["role"], role);
        let may = jane.change(&json!({"region": role})).await;
        assert_eq!(may.status, if role == "member" { 403 } else { 200 }, "with the token from before");
    }
    for role in ["king", ""] {
        let refused = place.owner.make(&jane.id, role).await;
        let fields = &refused.expect_error(400, "COMMON_9001").body["details"]["fields"];
        assert_eq!(keys(fields), ["role"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_approved_yet_becomes_nothing_else() {
    let place = Place::start().await;
    let asking = place.asking("asking@example.com").await;
    let refused = place.owner.make(&asking.id, "owner").await;
    assert_eq!(refused.expect_error(409, "COMMON_9001").body["details"]["reason"], "membership_pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_stays_one() {
    let place = Place::start().await;
    let jane = place.member("jane@example.com", "manager").await;
    let owner = &place.owner;
    for refused in [owner.remove(&owner.id).await, owner.make(&owner.id, "member").await] {
        assert_eq!(refused.expect_error(409, "COMMON_9001").body["details"], json!({"reason": "last_owner"}));
    }
    owner.make(&jane.id, "owner").await.expect(200);
    owner.remove(&owner.id).await.expect(200);
    let refused = jane.remove(&jane.id).await;
    assert_eq!(refused.expect_error(409, "COMMON_9001").body["details"]["reason"], "last_owner");
    // Who has left belongs to none, and their account lives on.
    assert_eq!(owner.membership().await, Value::Null);
    owner.get("/companies/me").await.expect_error(404, "COMPANY_2101");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_sent_away_sees_nothing_any_more() {
    let place = Place::start().await;
    let jane = place.member("jane@example.com", "manager").await;
    place.owner.remove(&jane.id).await.expect(200);
    jane.get("/companies/me").await.expect_error(404, "COMPANY_2101");
    jane.get("/companies/me/members").await.expect_error(404, "COMPANY_2101");
    let path = format!("/companies/{}", place.company);
    jane.get(&path).await.expect_error(403, "USER_1007");
    place.owner.remove(&jane.id).await.expect_error(404, "USER_1101");
    // They sign in as before.
    Person::signed_in(&place.client, "jane@example.com").await;
}
