use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::{COMPANY, OWNER, Person, Place, UNVERIFIED, keys, register_company};
use crate::{
    client::{Client, PASSWORD},
    server::Server,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_company_is_registered_with_its_owner_who_verifies_the_address_and_signs_in() {
    let server = Server::start();
    let client = Client::of(&server);
    let more = json!({
        "contact_name": "Jane Doe", "phone": "+821012345678", "business_number": "123-45-67890",
        "industry": "Shipping", "region": "North",
    });
    let answer = register_company(&client, OWNER, &more).await;
    let body = answer.expect(201);
    assert_eq!(keys(body), ["company", "user"]);
    let (company, user) = (&body["company"], &body["user"]);
    assert_eq!(keys(company), COMPANY);
    assert_eq!(company["name"], "Smith & Sons, Inc.");
    for name in ["business_number", "industry", "region"] {
        assert_eq!(company[name], more[name], "{name}");
        assert_eq!(user[name], Value::Null, "what the company has is the company's: {name}");
    }
    assert_eq!((&company["is_active"], &company["stream_id"]), (&json!(true), &company["id"]));
    assert_eq!(
        (&user["name"], &user["phone"], &user["role"]),
        (&json!("Jane Doe"), &more["phone"], &json!("user"))
    );
    let membership = json!({
        "id": company["id"], "name": company["name"], "role": "owner", "membership": "active",
    });
    assert_eq!(user["company"], membership);

    client.login(OWNER, PASSWORD).await.expect_error(403, "USER_1004");
    let code = server.mailed_code(OWNER);
    client.post("/auth/verify-email", &json!({"email": OWNER, "code": code})).await.expect(200);
    let owner = Person::signed_in(&client, OWNER).await;
    assert_eq!(owner.get("/companies/me").await.expect(200), company);
    let me = owner.get("/auth/me").await;
    assert_eq!((&me.expect(200)["company"], &me.body["user"]["company"]), (company, &membership));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_is_called_what_the_company_is_unless_told() {
    let server = Server::start();
    let answer = register_company(&Client::of(&server), OWNER, &json!({})).await;
    assert_eq!(answer.expect(201)["user"]["name"], "Smith & Sons, Inc.");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_or_a_business_number_is_taken_once() {
    let place = Place::start().await;
    register_company(&place.client, "OWNER@example.com", &json!({})).await.expect_error(409, "USER_1102");
    for number in ["123-45-67890", "1234567890", "１２３ 45.67890"] {
        let more = json!({"business_number": number});
        register_company(&place.client, "other@example.com", &more).await.expect_error(409, "COMPANY_2102");
    }
    // Nothing of what was refused is left.
    let more = json!({"business_number": "123-45-67891"});
    register_company(&place.client, "other@example.com", &more).await.expect(201);
    let other = Person::signed_in(&place.client, "other@example.com").await;
    let taken = other.change(&json!({"business_number": "123 45 67890"})).await;
    taken.expect_error(409, "COMPANY_2102");
    place.owner.change(&json!({"business_number": null})).await.expect(200);
    other.change(&json!({"business_number": "123 45 67890"})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_invalid_field_is_named() {
    let server = Server::start();
    let client = Client::of(&server);
    for (field, value) in [
        ("name", json!("x")),
        ("name", json!("<b>Smith</b>")),
        ("contact_name", json!("x")),
        ("phone", json!("call me")),
        ("business_number", json!("--")),
        ("industry", json!("")),
        ("region", json!("a\nb")),
        ("username", json!("smith")),
    ] {
        let answer = register_company(&client, OWNER, &json!({field: value})).await;
        assert_eq!(keys(&answer.expect_error(400, "COMMON_9001").body["details"]["fields"]), [field]);
    }
    register_company(&client, "nobody", &json!({})).await.expect_error(400, "USER_1104");
    let weak = register_company(&client, OWNER, &json!({"password": "Xx1!smith & sons, inc."})).await;
    assert_eq!(weak.expect_error(400, "USER_1103").body["details"]["reasons"], json!(["personal"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_changes_what_they_name_and_everybody_in_it_sees_it() {
    let place = Place::start().await;
    let member = place.member("member@example.com", "member").await;
    let change = json!({"name": "Smith, Jones & Co.", "region": "South", "industry": null});
    let changed = place.owner.change(&change).await;
    let company = changed.expect(200);
    assert_eq!(keys(company), COMPANY);
    for (name, value) in change.as_object().expect("an object") {
        assert_eq!(&company[name], value, "{name}");
    }
    assert_eq!(company["business_number"], "123-45-67890");
    assert_eq!(member.get("/companies/me").await.expect(200), company);
    assert_eq!(member.membership().await["name"], "Smith, Jones & Co.");
    let refused = place.owner.change(&json!({"name": null, "region": ""})).await;
    let fields = &refused.expect_error(400, "COMMON_9001").body["details"]["fields"];
    assert_eq!(keys(fields), ["name", "region"]);
}

/// What a token says; other services read it so, once they have checked its signature.
fn claims(access: &str) -> Value {
    let body = access.split('.').nth(2).expect("a body");
    let signed = BASE64URL_NOPAD.decode(body.as_bytes()).expect("base64");
    serde_json::from_slice(&signed[..signed.len() - 64]).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_names_the_company_of_those_who_are_in() {
    let place = Place::start().await;
    assert_eq!(claims(&place.owner.access)["cid"], json!(place.company));
    let asking = place.asking("jane@example.com").await;
    assert!(claims(&asking.access).get("cid").is_none());
    place.owner.approve(&asking.id).await.expect(200);
    let member = Person::signed_in(&place.client, "jane@example.com").await;
    assert_eq!(claims(&member.access)["cid"], json!(place.company));
    let stranger = place.stranger("stranger@example.com").await;
    assert!(claims(&stranger.access).get("cid").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_companies_is_intact() {
    let server = Server::start_with(&[UNVERIFIED]);
    let client = Client::of(&server);
    register_company(&client, OWNER, &json!({})).await.expect(201);
    let owner = Person::signed_in(&client, OWNER).await;
    owner.change(&json!({"region": "South"})).await.expect(200);
    let output = server.command(&["audit", "verify"]).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(owner.get("/companies/me").await.expect(200)["stream_version"], 3);
}
