//! Companies and who belongs to them.

mod invitation;
mod member;
mod race;
mod register;
mod right;

use std::{
    io::Write,
    process::{Output, Stdio},
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client, PASSWORD},
    server::Server,
};

const UNVERIFIED: (&str, &str) = ("ENABLE_EMAIL_VERIFICATION", "false");
const OWNER: &str = "owner@example.com";

const COMPANY: [&str; 9] = [
    "business_number",
    "created_at",
    "id",
    "industry",
    "is_active",
    "name",
    "region",
    "stream_id",
    "stream_version",
];

/// Somebody who is signed in.
#[derive(Clone)]
struct Person {
    client: Client,
    id: String,
    access: String,
}

/// A service where nobody has to verify anything, with one company.
struct Place {
    server: Server,
    client: Client,
    company: String,
    owner: Person,
}

impl Person {
    async fn signed_in(client: &Client, email: &str) -> Self {
        let access = client.login(email, PASSWORD).await.tokens().access;
        let me = client.get("/users/me", &access).await;
        Self { client: client.clone(), id: text(&me.expect(200)["id"]), access }
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.client.request(method, path).bearer_auth(&self.access);
        self.client
            .send(match body {
                Some(body) => request.json(body),
                None => request,
            })
            .await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    async fn change(&self, change: &Value) -> Answer {
        self.send(Method::PUT, "/companies/me", Some(change)).await
    }

    async fn invite(&self, body: &Value) -> Answer {
        self.send(Method::POST, "/companies/me/invitations", Some(body)).await
    }

    async fn approve(&self, user: &str) -> Answer {
        self.send(Method::POST, &format!("/companies/me/members/{user}/approve"), None).await
    }

    async fn make(&self, user: &str, role: &str) -> Answer {
        let path = format!("/companies/me/members/{user}/role");
        self.send(Method::PUT, &path, Some(&json!({"role": role}))).await
    }

    async fn remove(&self, user: &str) -> Answer {
        self.send(Method::DELETE, &format!("/companies/me/members/{user}"), None).await
    }

    async fn membership(&self) -> Value {
        self.get("/users/me").await.expect(200)["company"].clone()
    }
}

impl Place {
    async fn start() -> Self {
        let server = Server::start_with(&[UNVERIFIED]);
        let client = Client::of(&server);
        let registered = register_company(&client, OWNER, &json!({"business_number": "123-45-67890"})).await;
        let company = text(&registered.expect(201)["company"]["id"]);
        let owner = Person::signed_in(&client, OWNER).await;
        Self { server, client, company, owner }
    }

    /// Somebody who was invited, and came.
    async fn member(&self, email: &str, role: &str) -> Person {
        let code = text(&self.owner.invite(&json!({"role": role})).await.expect(201)["invitation_code"]);
        join(&self.client, email, &json!({"invitation_code": code})).await.expect(201);
        Person::signed_in(&self.client, email).await
    }

    /// Somebody who asks to join.
    async fn asking(&self, email: &str) -> Person {
        join(&self.client, email, &json!({"company_id": self.company})).await.expect(201);
        Person::signed_in(&self.client, email).await
    }

    /// Somebody with an account and no company.
    async fn stranger(&self, email: &str) -> Person {
        self.client.register(email).await.expect(201);
        Person::signed_in(&self.client, email).await
    }

    /// An administrator of the service.
    async fn administrator(&self) -> Person {
        let arguments =
            ["admin", "create", "--email", "root@example.com", "--name", "Root", "--password-stdin"];
        let mut command = self.server.command(&arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        child.stdin.take().expect("a pipe").write_all(PASSWORD.as_bytes()).expect("written");
        let Output { status, stderr, .. } = child.wait_with_output().expect("it ends");
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        Person::signed_in(&self.client, "root@example.com").await
    }
}

async fn register_company(client: &Client, email: &str, more: &Value) -> Answer {
    let body = json!({"email": email, "password": PASSWORD, "name": "Smith & Sons, Inc."});
    client.post("/auth/register/company", &with(body, more)).await
}

async fn join(client: &Client, email: &str, more: &Value) -> Answer {
    let body = json!({"email": email, "password": PASSWORD, "name": "Jane Doe"});
    client.post("/auth/register/user", &with(body, more)).await
}

/// An object with some of its fields set otherwise.
fn with(mut object: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().expect("an object") {
        object[name] = value.clone();
    }
    object
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[track_caller]
fn keys(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}
