//! API keys, the features they open, and what a token is.

mod feature;
mod introspection;
mod key;

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client, PASSWORD, Tokens},
    server::{PATIENCE, Server},
};

const KEY: &str = "API-Key";

/// A service where nobody has to verify anything, with an administrator.
struct Place {
    server: Server,
    client: Client,
    root: Tokens,
}

/// Somebody who is signed in.
struct Person {
    client: Client,
    id: String,
    tokens: Tokens,
}

impl Place {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(settings: &[(&str, &str)]) -> Self {
        let server = Server::start_with(&[&[("ENABLE_EMAIL_VERIFICATION", "false")], settings].concat());
        let client = Client::of(&server);
        let root = client.admin(&server, "root@example.com").await;
        Self { server, client, root }
    }

    async fn person(&self, email: &str) -> Person {
        self.client.register(email).await.expect(201);
        self.sign_in(email).await
    }

    async fn sign_in(&self, email: &str) -> Person {
        let tokens = self.client.login(email, PASSWORD).await.tokens();
        let me = self.client.get("/users/me", &tokens.access).await;
        Person { client: self.client.clone(), id: text(&me.expect(200)["id"]), tokens }
    }

    /// A company's owner.
    async fn owner(&self, email: &str) -> (Person, String) {
        let body = json!({"email": email, "password": PASSWORD, "name": "Smith & Sons"});
        let made = self.client.post("/auth/register/company", &body).await;
        let company = text(&made.expect(201)["company"]["id"]);
        (self.sign_in(email).await, company)
    }

    async fn feature(&self, body: &Value) -> Answer {
        self.client.act("/feature", &self.root.access, body).await
    }

    async fn usage(&self, name: &str) -> Value {
        self.client.get(&format!("/feature/{name}/usage"), &self.root.access).await.expect(200).clone()
    }
}

impl Person {
    async fn generate(&self, body: &Value) -> Answer {
        self.client.act("/api_key/generate", &self.tokens.access, body).await
    }

    /// A key for these features; the answer's body.
    async fn key(&self, features: &[&str]) -> Value {
        let made = self.generate(&json!({"name": "ci", "features": features})).await;
        made.expect(201).clone()
    }

    async fn keys(&self) -> Vec<Value> {
        let listed = self.client.get("/api_key", &self.tokens.access).await;
        listed.expect(200)["items"].as_array().expect("a list").clone()
    }

    async fn rotate(&self, id: &Value) -> Answer {
        let path = format!("/api_key/{}/rotate", text(id));
        self.client.send(self.client.request(Method::POST, &path).bearer_auth(&self.tokens.access)).await
    }

    async fn revoke(&self, id: &Value) -> Answer {
        self.client.delete(&format!("/api_key/{}", text(id)), &self.tokens.access).await
    }

    async fn access(&self, feature: &str, key: &Value) -> Answer {
        access(&self.client, feature, &self.tokens.access, key).await
    }
}

async fn access(client: &Client, feature: &str, bearer: &str, key: &Value) -> Answer {
    let request = client.request(Method::POST, &format!("/feature/access/{feature}"));
    client.send(request.bearer_auth(bearer).header(KEY, text(key))).await
}

/// What a key says of a token.
async fn introspect(client: &Client, key: &Value, token: &str) -> Answer {
    let request = client.request(Method::POST, "/auth/introspect").header(KEY, text(key));
    client.send(request.json(&json!({"token": token}))).await
}

/// Waits until a token is refused: the news that a session has ended takes a moment to reach another replica.
async fn is_refused(client: &Client, bearer: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = client.get("/users/me", bearer).await;
        if answer.status != 200 {
            answer.expect_error(401, "USER_1006");
            return;
        }
        assert!(Instant::now() < deadline, "it is good still");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn names(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}
