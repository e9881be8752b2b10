//! Who may do what: every route, as everybody.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Person, Place, register_company};

const NOBODY: &str = "0192f3d4-0000-7000-8000-000000000000";

/// What somebody without a right is told.
enum Refusal {
    /// They belong to no company.
    NoCompany,
    /// They only ask to join.
    Pending,
    /// They lack this.
    Lacks(&'static str),
}

use Refusal::{Lacks, NoCompany, Pending};

#[track_caller]
fn expect_refusal(answer: &crate::client::Answer, refusal: &Refusal) {
    match refusal {
        NoCompany => answer.expect_error(404, "COMPANY_2101"),
        Pending => answer.expect_error(403, "COMPANY_2103"),
        Lacks(right) => {
            let refused = answer.expect_error(403, "USER_1007");
            assert_eq!(refused.body["details"], json!({"required": right}));
            refused
        }
    };
}

/// Every route of one's own company, on a member of this id.
fn routes(user: &str) -> [(Method, String, Option<Value>); 7] {
    let member = format!("/companies/me/members/{user}");
    [
        (Method::GET, "/companies/me".to_owned(), None),
        (Method::PUT, "/companies/me".to_owned(), Some(json!({"region": "South"}))),
        (Method::GET, "/companies/me/members".to_owned(), None),
        (Method::POST, "/companies/me/invitations".to_owned(), Some(json!({}))),
        (Method::POST, format!("{member}/approve"), None),
        (Method::PUT, format!("{member}/role"), Some(json!({"role": "member"}))),
        (Method::DELETE, member, None),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_does_anything_without_a_token() {
    let place = Place::start().await;
    for (method, path, body) in
        routes(NOBODY).into_iter().chain([(Method::GET, format!("/companies/{NOBODY}"), None)])
    {
        let request = place.client.request(method, &path);
        let request = match &body {
            Some(body) => request.json(body),
            None => request,
        };
        place.client.send(request).await.expect_error(401, "USER_1006");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_told_what_they_lack() {
    let place = Place::start().await;
    let member = place.member("member@example.com", "member").await;
    let asking = place.asking("asking@example.com").await;
    let stranger = place.stranger("stranger@example.com").await;
    let target = place.member("target@example.com", "member").await;
    for (number, (method, path, body)) in routes(&target.id).into_iter().enumerate() {
        let ask = async |person: &Person| person.send(method.clone(), &path, body.as_ref()).await;
        expect_refusal(&ask(&stranger).await, &NoCompany);
        expect_refusal(&ask(&asking).await, &Pending);
        match number {
            0 => _ = ask(&member).await.expect(200),
            5 => expect_refusal(&ask(&member).await, &Lacks("company:own")),
            _ => expect_refusal(&ask(&member).await, &Lacks("company:manage")),
        }
    }
    // An administrator of the service has no more to do with a company than anybody else.
    let administrator = place.administrator().await;
    administrator.change(&json!({"region": "South"})).await.expect_error(404, "COMPANY_2101");
}

#[tokio::test(flavor = "multi_thread")]
async fn managers_deal_with_plain_members_alone() {
    let place = Place::start().await;
    let manager = place.member("manager@example.com", "manager").await;
    let other = place.member("other@example.com", "manager").await;
    let member = place.member("member@example.com", "member").await;
    manager.change(&json!({"region": "South"})).await.expect(200);
    manager.get("/companies/me/members").await.expect(200);
    manager.invite(&json!({"role": "member"})).await.expect(201);
    let own = Lacks("company:own");
    for role in ["owner", "manager"] {
        expect_refusal(&manager.invite(&json!({"role": role})).await, &own);
        expect_refusal(&manager.make(&member.id, role).await, &own);
    }
    for user in [&place.owner.id, &other.id] {
        expect_refusal(&manager.remove(user).await, &own);
        expect_refusal(&manager.make(user, "member").await, &own);
    }
    expect_refusal(&manager.make(&manager.id, "owner").await, &own);
    manager.remove(&member.id).await.expect(200);
    let asking = place.asking("asking@example.com").await;
    manager.remove(&asking.id).await.expect(200);
    assert_eq!(asking.membership().await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_another_company_are_nobody() {
    let place = Place::start().await;
    register_company(&place.client, "other@example.com", &json!({})).await.expect(201);
    let other = Person::signed_in(&place.client, "other@example.com").await;
    let asking = place.asking("asking@example.com").await;
    for user in [&place.owner.id, &asking.id, NOBODY] {
        other.approve(user).await.expect_error(404, "USER_1101");
        other.make(user, "member").await.expect_error(404, "USER_1101");
        other.remove(user).await.expect_error(404, "USER_1101");
    }
    let items = &other.get("/companies/me/members").await;
    assert_eq!(items.expect(200)["items"].as_array().expect("a list").len(), 1);
    assert_eq!(place.owner.get("/companies/me").await.expect(200)["id"], json!(place.company));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_is_read_by_its_members_and_by_those_who_may_read_all() {
    let place = Place::start().await;
    let path = format!("/companies/{}", place.company);
    let member = place.member("member@example.com", "member").await;
    let own = member.get("/companies/me").await;
    assert_eq!(member.get(&path).await.expect(200), own.expect(200));
    let read = Lacks("company:read");
    for other in [place.asking("asking@example.com").await, place.stranger("stranger@example.com").await] {
        expect_refusal(&other.get(&path).await, &read);
        expect_refusal(&other.get(&format!("/companies/{NOBODY}")).await, &read);
    }
    let administrator = place.administrator().await;
    let own = member.get("/companies/me").await;
    assert_eq!(administrator.get(&path).await.expect(200), own.expect(200));
    administrator.get(&format!("/companies/{NOBODY}")).await.expect_error(404, "COMPANY_2101");
    administrator.get("/companies/17").await.expect_error(400, "COMMON_9001");
}
