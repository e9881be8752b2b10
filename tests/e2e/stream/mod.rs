//! Streams over HTTP: who sees and writes which, what clients write, what is found.

mod append;
mod reach;
mod search;
mod snapshot;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client, PASSWORD},
    server::Server,
};

/// Nobody verifies anything, and nobody is held back.
const OPEN: [(&str, &str); 2] = [("ENABLE_EMAIL_VERIFICATION", "false"), ("RATE_LIMIT_ENABLED", "false")];

/// Somebody who is signed in.
#[derive(Clone)]
struct Person {
    client: Client,
    id: String,
    access: String,
}

/// A service, with an administrator who makes its officials.
struct Place {
    server: Server,
    client: Client,
    root: Person,
}

impl Person {
    async fn signed_in(client: &Client, email: &str) -> Self {
        let access = client.login(email, PASSWORD).await.tokens().access;
        let me = client.get("/users/me", &access).await;
        let id = me.expect(200)["stream_id"].as_str().expect("an id").to_owned();
        Self { client: client.clone(), id, access }
    }

    async fn get(&self, path: &str) -> Answer {
        self.client.get(path, &self.access).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.client.act(path, &self.access, body).await
    }

    async fn append(&self, stream: &str, event_type: &str, data: &Value) -> Answer {
        self.post("/stream/events", &json!({"stream_id": stream, "type": event_type, "data": data})).await
    }

    async fn append_with_key(&self, key: &str, body: &Value) -> Answer {
        let request = self.client.request(Method::POST, "/stream/events").bearer_auth(&self.access);
        self.client.send(request.header("Idempotency-Key", key).json(body)).await
    }

    async fn metadata(&self, stream: &str, metadata: &Value) -> Answer {
        let body = json!({"stream_id": stream, "metadata": metadata});
        self.client.put("/stream/metadata", &self.access, &body).await
    }

    async fn version(&self, stream: &str) -> u64 {
        let status = self.get(&format!("/stream/status/{stream}")).await;
        status.expect(200)["version"].as_u64().expect("a number")
    }

    /// All that a list gives, page by page.
    async fn all(&self, path: &str, limit: usize) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let (mut items, mut cursor) = (Vec::new(), String::new());
        for _ in 0..10_000 {
            let page = self.get(&format!("{path}{separator}limit={limit}{cursor}")).await;
            let page = page.expect(200);
            let found = page["items"].as_array().expect("a list");
            assert!(found.len() <= limit);
            items.extend(found.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
        panic!("the pages do not end");
    }
}

impl Place {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::of(Server::start_with(&[OPEN.as_slice(), settings].concat())).await
    }

    /// On a SQLite file, whatever stack the other tests are on.
    async fn embedded() -> Self {
        Self::of(Server::start_on(&OPEN)).await
    }

    async fn of(server: Server) -> Self {
        let client = Client::of(&server);
        server.make_admin("root@example.com");
        let root = Person::signed_in(&client, "root@example.com").await;
        Self { server, client, root }
    }

    async fn person(&self, email: &str) -> Person {
        self.client.register(email).await.expect(201);
        Person::signed_in(&self.client, email).await
    }

    async fn moderator(&self, email: &str) -> Person {
        let body = json!({"email": email, "password": PASSWORD, "name": "Jane Doe", "role": "moderator", "is_verified": true});
        self.root.post("/admin/users", &body).await.expect(201);
        Person::signed_in(&self.client, email).await
    }

    /// A company with its owner.
    async fn company(&self, email: &str) -> (String, Person) {
        let body = json!({"email": email, "password": PASSWORD, "name": "Smith & Sons, Inc."});
        let registered = self.client.post("/auth/register/company", &body).await;
        let company = registered.expect(201)["company"]["stream_id"].as_str().expect("an id").to_owned();
        (company, Person::signed_in(&self.client, email).await)
    }

    /// Somebody whom an owner invited.
    async fn member(&self, owner: &Person, email: &str, role: &str) -> Person {
        let invitation = owner.post("/companies/me/invitations", &json!({"role": role})).await;
        let code = invitation.expect(201)["invitation_code"].clone();
        let body = json!({"email": email, "password": PASSWORD, "name": "Jane Doe", "invitation_code": code});
        self.client.post("/auth/register/user", &body).await.expect(201);
        Person::signed_in(&self.client, email).await
    }
}

fn texts<'a>(items: &'a [Value], field: &str) -> Vec<&'a str> {
    items.iter().map(|item| item[field].as_str().expect("a text")).collect()
}
