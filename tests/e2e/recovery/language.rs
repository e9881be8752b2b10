use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::{EMAIL, NEW, reset};
use crate::{
    client::{Answer, Client, PASSWORD},
    server::{PATIENCE, Server},
};

/// A request of somebody whose browser asks for these languages.
async fn post(client: &Client, languages: Option<&str>, path: &str, body: &Value) -> Answer {
    let mut request = client.request(Method::POST, path).json(body);
    if let Some(languages) = languages {
        request = request.header("Accept-Language", languages);
    }
    client.send(request).await
}

fn account(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "name": "Jane Doe"})
}

/// What the HTML of a mail in this language begins with.
fn mark(language: &str) -> String {
    format!("<html lang=\"{language}\">")
}

/// Waits for a mail in this language.
fn expect_mail_in(server: &Server, email: &str, language: &str) {
    server.wait_for_mail(email, &mark(language));
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_are_in_the_language_of_the_request_and_else_in_the_accounts() {
    let server = Server::start();
    let client = Client::of(&server);
    post(&client, Some("ru-RU, en;q=0.5"), "/auth/register", &account(EMAIL)).await.expect(201);
    expect_mail_in(&server, EMAIL, "ru");
    // Neither asks for a language of ours: the account's is Russian by now.
    for languages in [None, Some("de")] {
        post(&client, languages, "/auth/password/forgot", &json!({"email": EMAIL})).await.expect(202);
    }
    let token = server.mailed_token(EMAIL);
    reset(&client, &token, NEW).await.expect(200);
    let deadline = Instant::now() + PATIENCE;
    while server.mails(EMAIL).len() < 3 {
        assert!(Instant::now() < deadline, "the notice of the new password did not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for mail in server.mails(EMAIL) {
        assert!(mail.contains(&mark("ru")), "{mail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_an_administrator_makes_an_account_is_written_to_in_the_language_of_the_request() {
    let server = Server::start();
    let client = Client::of(&server);
    let admin = client.admin(&server, "admin@example.com").await;
    for (email, languages, language) in [
        ("minsu@example.com", Some("ko, en;q=0.5"), "ko"),
        ("anna@example.com", Some("ru"), "ru"),
        ("john@example.com", None, "en"),
    ] {
        let mut request = client.request(Method::POST, "/admin/users").bearer_auth(&admin.access);
        if let Some(languages) = languages {
            request = request.header("Accept-Language", languages);
        }
        client.send(request.json(&account(email))).await.expect(201);
        expect_mail_in(&server, email, language);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn companies_and_members_are_written_to_in_the_language_of_their_request() {
    let server = Server::start();
    let client = Client::of(&server);
    let registered = post(&client, Some("ko"), "/auth/register/company", &account("owner@example.com")).await;
    let company = registered.expect(201)["company"]["id"].clone();
    expect_mail_in(&server, "owner@example.com", "ko");
    let mut joining = account("member@example.com");
    joining["company_id"] = company;
    post(&client, Some("ru"), "/auth/register/user", &joining).await.expect(201);
    expect_mail_in(&server, "member@example.com", "ru");
}
