use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::{Person, Place, join, keys, text};
use crate::server::PATIENCE;

const NOBODY: &str = "0192f3d4-0000-7000-8000-000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_code_is_in_at_once_and_the_code_is_used_up() {
    let place = Place::start().await;
    let answer = place.owner.invite(&json!({"role": "manager"})).await;
    let invitation = answer.expect(201);
    assert_eq!(keys(invitation), ["email", "expires_at", "id", "invitation_code", "role"]);
    assert_eq!((&invitation["role"], &invitation["email"]), (&json!("manager"), &Value::Null));
    let code = json!({"invitation_code": invitation["invitation_code"]});
    assert!(text(&code["invitation_code"]).starts_with("pci_"));

    let joined = join(&place.client, "jane@example.com", &code).await;
    let membership = &joined.expect(201)["company"];
    assert_eq!(
        membership,
        &json!({
            "id": place.company, "name": "Smith & Sons, Inc.", "role": "manager", "membership": "active",
        })
    );
    let jane = Person::signed_in(&place.client, "jane@example.com").await;
    assert_eq!(&jane.membership().await, membership);
    assert_eq!(jane.get("/companies/me").await.expect(200)["id"], json!(place.company));
    join(&place.client, "joe@example.com", &code).await.expect_error(400, "COMPANY_2104");
    // Whoever was refused has no account.
    place.client.register("joe@example.com").await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_for_an_address_is_good_for_that_address_alone() {
    let place = Place::start().await;
    let answer = place.owner.invite(&json!({"email": "Jane@example.com"})).await;
    let invitation = answer.expect(201);
    assert_eq!((&invitation["role"], &invitation["email"]), (&json!("member"), &json!("Jane@example.com")));
    let code = json!({"invitation_code": invitation["invitation_code"]});
    join(&place.client, "joe@example.com", &code).await.expect_error(400, "COMPANY_2104");
    let joined = join(&place.client, "jane@EXAMPLE.com", &code).await;
    assert_eq!(joined.expect(201)["is_verified"], json!(false), "whoever invites knows the code, too");
}

/// The mail to an address, once it is there.
async fn mail(place: &Place, email: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(mail) = place.server.mails(email).pop() {
            return mail;
        }
        assert!(Instant::now() < deadline, "no mail to {email}; the log:\n{}", place.server.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_mailed_to_whom_it_names_in_the_language_of_the_request() {
    let place = Place::start().await;
    for (email, language) in [("jane@example.com", "en"), ("joe@example.com", "ko, en;q=0.5")] {
        let request = place.client.request(Method::POST, "/companies/me/invitations");
        let request = request.json(&json!({"email": email})).bearer_auth(&place.owner.access);
        let answer = place.client.send(request.header("Accept-Language", language)).await;
        let code = text(&answer.expect(201)["invitation_code"]);
        let mail = mail(&place, email).await;
        let is_english = mail.lines().any(|line| line == format!("Invitation code: {code}"));
        assert_eq!(is_english, language == "en", "{mail}");
        join(&place.client, email, &json!({"invitation_code": code})).await.expect(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_says_nothing_of_why() {
    let place = Place::start().await;
    let code = text(&place.owner.invite(&json!({})).await.expect(201)["invitation_code"]);
    let (rest, last) = code.split_at(code.len() - 1);
    let other = if last == "A" { "B" } else { "A" };
    for wrong in ["", "pci_", "x", &code[4..], &code.to_lowercase(), &format!("{rest}{other}")] {
        let refused = join(&place.client, "jane@example.com", &json!({"invitation_code": wrong})).await;
        refused.expect_error(400, "COMPANY_2104");
        assert_eq!(refused.body["details"], json!({}), "{wrong}");
    }
    // A weak password is told before the code is looked at, and a wrong code uses nothing up.
    let weak = json!({"invitation_code": code, "password": "short"});
    join(&place.client, "jane@example.com", &weak).await.expect_error(400, "USER_1103");
    join(&place.client, "jane@example.com", &json!({"invitation_code": code})).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_invalid_field_is_named() {
    let place = Place::start().await;
    for (field, value) in [
        ("role", json!("king")),
        ("role", json!("")),
        ("expires_in", json!(3_599)),
        ("expires_in", json!(30 * 86_400 + 1)),
        ("expires_in", json!(-1)),
        ("expires_in", json!("3600")),
        ("expires_in", json!(3600.5)),
        ("company_id", json!(place.company)),
    ] {
        let refused = place.owner.invite(&json!({field: value})).await;
        let fields = &refused.expect_error(400, "COMMON_9001").body["details"]["fields"];
        assert_eq!(keys(fields), [field], "{value}");
    }
    place.owner.invite(&json!({"email": "nobody"})).await.expect_error(400, "USER_1104");
    for seconds in [3_600, 30 * 86_400] {
        place.owner.invite(&json!({"expires_in": seconds})).await.expect(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_one_way_in_is_taken() {
    let place = Place::start().await;
    let code = text(&place.owner.invite(&json!({})).await.expect(201)["invitation_code"]);
    for ways in [json!({}), json!({"company_id": place.company, "invitation_code": code})] {
        let refused = join(&place.client, "jane@example.com", &ways).await;
        let fields = &refused.expect_error(400, "COMMON_9001").body["details"]["fields"];
        assert_eq!(keys(fields), ["company_id", "invitation_code"]);
    }
    let refused = join(&place.client, "jane@example.com", &json!({"company_id": "17"})).await;
    let fields = &refused.expect_error(400, "COMMON_9001").body["details"]["fields"];
    assert_eq!(keys(fields), ["company_id"]);
    join(&place.client, "jane@example.com", &json!({"company_id": NOBODY}))
        .await
        .expect_error(404, "COMPANY_2101");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_to_join_waits_until_an_owner_or_manager_approves_it() {
    let place = Place::start().await;
    let manager = place.member("manager@example.com", "manager").await;
    let joined = join(&place.client, "jane@example.com", &json!({"company_id": place.company})).await;
    assert_eq!(
        joined.expect(201)["company"],
        json!({
            "id": place.company, "name": "Smith & Sons, Inc.", "role": "member", "membership": "pending",
        })
    );
    let jane = Person::signed_in(&place.client, "jane@example.com").await;
    assert_eq!(jane.get("/auth/me").await.expect(200)["company"], Value::Null);
    jane.get("/companies/me").await.expect_error(403, "COMPANY_2103");

    let approved = manager.approve(&jane.id).await;
    let member = approved.expect(200);
    assert_eq!(keys(member), ["joined_at", "membership", "role", "user_id"]);
    assert_eq!((&member["user_id"], &member["membership"]), (&json!(jane.id), &json!("active")));
    assert_eq!(jane.get("/companies/me").await.expect(200)["id"], json!(place.company));
    // Whose answer was lost may ask again.
    assert_eq!(place.owner.approve(&jane.id).await.expect(200), member);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_to_join_may_think_again() {
    let place = Place::start().await;
    let jane = place.asking("jane@example.com").await;
    jane.remove(&jane.id).await.expect(200);
    assert_eq!(jane.membership().await, Value::Null);
    jane.get("/companies/me").await.expect_error(404, "COMPANY_2101");
    place.owner.approve(&jane.id).await.expect_error(404, "USER_1101");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_dies_with_the_standing_of_who_made_it() {
    let place = Place::start().await;
    let manager = place.member("manager@example.com", "manager").await;
    let code = text(&manager.invite(&json!({})).await.expect(201)["invitation_code"]);
    place.owner.remove(&manager.id).await.expect(200);
    let refused = join(&place.client, "jane@example.com", &json!({"invitation_code": code})).await;
    refused.expect_error(400, "COMPANY_2104");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_stands_in_no_log_and_no_file() {
    let place = Place::start().await;
    let body = json!({"email": "jane@example.com"});
    let code = text(&place.owner.invite(&body).await.expect(201)["invitation_code"]);
    let forged = json!({"invitation_code": format!("{code}A")});
    join(&place.client, "jane@example.com", &forged).await.expect_error(400, "COMPANY_2104");
    place.owner.send(Method::POST, "/companies/me/invitations", Some(&forged)).await;
    join(&place.client, "jane@example.com", &json!({"invitation_code": code})).await.expect(201);
    let secret = &code[26..];
    assert!(!place.server.log().contains(secret));
    let files = std::fs::read_dir(place.server.data()).expect("a folder").flatten();
    for file in files.filter(|file| file.path().is_file()) {
        let bytes = std::fs::read(file.path()).expect("reads");
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{:?}", file.path());
    }
}
