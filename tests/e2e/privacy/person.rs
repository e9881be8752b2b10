//! People whose every trace is unmistakable, and the lives they lead.

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client, PASSWORD, Tokens},
    server::Server,
};

/// Somebody all of whose data no other has. All of it in small letters, as stores fold it.
pub(super) struct Person {
    pub(super) email: &'static str,
    name: &'static str,
    later_name: &'static str,
    username: &'static str,
    phone: &'static str,
    address: &'static str,
    /// Where they forget their password.
    elsewhere: &'static str,
    agent: &'static str,
    /// What any trace of them has in it.
    pub(super) marks: [&'static str; 8],
}

/// What a person has chosen last of passwords.
pub(super) const LAST_PASSWORD: &str = "0Ther-lantern!";
/// What the services are to do that they live on.
pub(super) const SETTINGS: [(&str, &str); 2] = [crate::limits::PROXIED, crate::lockout::LOCKING];

pub(super) const OTTOKAR: Person = Person {
    email: "ottokar.quarzwimmel@nebelhorn.example",
    name: "ottokar quarzwimmel",
    later_name: "ottokar fjordblick",
    username: "quarzotto",
    phone: "+99915550177",
    address: "203.0.113.177",
    elsewhere: "192.0.2.177",
    agent: "dudelsackpfeife/3.1",
    marks: [
        "quarzwimmel",
        "nebelhorn",
        "fjordblick",
        "quarzotto",
        "+99915550177",
        "203.0.113.177",
        "192.0.2.177",
        "dudelsackpfeife",
    ],
};

pub(super) const EULALIA: Person = Person {
    email: "eulalia.moorhuhn@kupferdach.example",
    name: "eulalia moorhuhn",
    later_name: "eulalia zimtwolke",
    username: "moorlalia",
    phone: "+99915550188",
    address: "198.51.100.188",
    elsewhere: "192.0.2.188",
    agent: "brummkreisel/7.2",
    marks: [
        "moorhuhn",
        "kupferdach",
        "zimtwolke",
        "moorlalia",
        "+99915550188",
        "198.51.100.188",
        "192.0.2.188",
        "brummkreisel",
    ],
};

pub(super) const BARNABAS: Person = Person {
    email: "barnabas.torfstecher@silbersee.example",
    name: "barnabas torfstecher",
    later_name: "barnabas heidekraut",
    username: "torfbarney",
    phone: "+99915550199",
    address: "203.0.113.199",
    elsewhere: "192.0.2.199",
    agent: "leierkasten/1.9",
    marks: [
        "torfstecher",
        "silbersee",
        "heidekraut",
        "torfbarney",
        "+99915550199",
        "203.0.113.199",
        "192.0.2.199",
        "leierkasten",
    ],
};

pub(super) const CORNELIA: Person = Person {
    email: "cornelia.windspiel@bernsteinhof.example",
    name: "cornelia windspiel",
    later_name: "cornelia wattwurm",
    username: "windconny",
    phone: "+99915550166",
    address: "198.51.100.166",
    elsewhere: "192.0.2.166",
    agent: "spieluhrwerk/4.4",
    marks: [
        "windspiel",
        "bernsteinhof",
        "wattwurm",
        "windconny",
        "+99915550166",
        "198.51.100.166",
        "192.0.2.166",
        "spieluhrwerk",
    ],
};

/// Where an account's life has led to.
pub(super) struct Life {
    pub(super) id: String,
    pub(super) tokens: Tokens,
}

impl Person {
    /// A request as only they make it.
    pub(super) async fn send(
        &self,
        client: &Client,
        method: Method,
        path: &str,
        access: Option<&str>,
        body: Option<Value>,
    ) -> Answer {
        let client = client.at_address(self.address);
        let mut request = client.request(method, path).header(header::USER_AGENT, self.agent);
        if let Some(access) = access {
            request = request.bearer_auth(access);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        client.send(request).await
    }

    async fn post(&self, client: &Client, path: &str, body: Value) -> Answer {
        self.send(client, Method::POST, path, None, Some(body)).await
    }

    /// A log may say of an address how it begins and at which host it is, and nothing else of anybody.
    #[track_caller]
    pub(super) fn expect_unnamed_in(&self, log: &str) {
        let log = log.to_lowercase();
        for mark in self.marks.iter().filter(|mark| !self.email.ends_with(&format!("{mark}.example"))) {
            assert!(!log.contains(mark), "{mark} is in the log");
        }
    }

    /// Invited to a company by its owner, twice: with the first code they come, the other stays open. Returns the first.
    async fn invited(&self, server: &Server, client: &Client) -> String {
        let owner = format!("owner.{}@example.com", self.elsewhere.rsplit('.').next().unwrap_or_default());
        let company = json!({"email": owner, "password": PASSWORD, "name": "Smith & Sons, Inc."});
        client.post("/auth/register/company", &company).await.expect(201);
        let code = json!({"email": owner, "code": server.mailed_code(&owner)});
        client.post("/auth/verify-email", &code).await.expect(200);
        let tokens = client.login(&owner, PASSWORD).await.tokens();
        let invite = async || {
            let answer =
                client.act("/companies/me/invitations", &tokens.access, &json!({"email": self.email})).await;
            answer.expect(201)["invitation_code"].as_str().expect("a code").to_owned()
        };
        let code = invite().await;
        invite().await;
        code
    }

    /// Whatever puts something of a person into a store.
    pub(super) async fn live(&self, server: &Server, client: &Client, admin: &Tokens) -> Life {
        let email = self.email;
        let account = json!({
            "email": email, "name": self.name, "username": self.username, "phone": self.phone, "password": PASSWORD,
            "invitation_code": self.invited(server, client).await,
        });
        let registered = self.post(client, "/auth/register/user", account).await;
        let id = registered.expect(201)["id"].as_str().expect("an id").to_owned();
        let by_email = |password: &str| json!({"email": email, "password": password});
        self.post(client, "/auth/login", by_email("Wr0ng-light")).await.expect(401);
        self.post(client, "/auth/login", by_email(PASSWORD)).await.expect(403);
        let code = server.mailed_code(email);
        self.post(client, "/auth/verify-email", json!({"email": email, "code": code})).await.expect(200);
        self.change_password_and_forget_it(server, client).await;
        self.post(client, "/auth/login", by_email(LAST_PASSWORD)).await.expect(200);
        let by_username = json!({"username": self.username, "password": LAST_PASSWORD});
        let tokens = self.post(client, "/auth/login", by_username).await.tokens();
        let refresh = json!({"refresh_token": tokens.refresh});
        let tokens = self.post(client, "/auth/refresh", refresh).await.tokens();
        let change = json!({"name": self.later_name, "industry": self.later_name});
        self.send(client, Method::PUT, "/users/me", Some(&tokens.access), Some(change)).await.expect(200);
        let key = json!({"name": self.later_name});
        let made =
            self.send(client, Method::POST, "/api_key/generate", Some(&tokens.access), Some(key)).await;
        made.expect(201);
        let snapshot = Some(json!({"stream_id": id}));
        self.send(client, Method::POST, "/stream/snapshots", Some(&tokens.access), snapshot)
            .await
            .expect(201);
        for path in ["/auth/verify-email/resend", "/auth/password/forgot"] {
            self.post(client, path, json!({"email": email})).await.expect(202);
        }
        for path in ["", "/sessions"] {
            client.get(&format!("/users/{id}{path}"), &admin.access).await.expect(200);
        }
        client.get(&format!("/users?q={}", self.username), &admin.access).await.expect(200);
        Life { id, tokens }
    }

    /// Chooses another password, guesses at it elsewhere until that is locked, and chooses a third by mail.
    async fn change_password_and_forget_it(&self, server: &Server, client: &Client) {
        let by_email = |password: &str| json!({"email": self.email, "password": password});
        let tokens = self.post(client, "/auth/login", by_email(PASSWORD)).await.tokens();
        let change = json!({"current_password": PASSWORD, "new_password": "N3w-lantern!"});
        self.send(client, Method::POST, "/auth/password/change", Some(&tokens.access), Some(change))
            .await
            .expect(200);
        let elsewhere = client.at_address(self.elsewhere);
        for _ in 0..5 {
            elsewhere.post("/auth/login", &by_email(PASSWORD)).await.expect(401);
        }
        elsewhere.post("/auth/login", &by_email("N3w-lantern!")).await.expect_error(423, "USER_1003");
        self.post(client, "/auth/password/forgot", json!({"email": self.email})).await.expect(202);
        let reset = json!({"token": server.mailed_token(self.email), "new_password": LAST_PASSWORD});
        self.post(client, "/auth/password/reset", reset).await.expect(200);
    }

    /// Asks for one's own erasure.
    pub(super) async fn erase(&self, client: &Client, life: &Life, body: Option<Value>) -> Answer {
        self.send(client, Method::DELETE, "/users/me", Some(&life.tokens.access), body).await
    }
}

/// As many others, whose rows come to lie among those that are erased.
pub(super) async fn crowd(client: &Client, name: &str, count: usize) {
    for number in 0..count {
        client.register(&format!("{name}.{number}@example.com")).await.expect(201);
    }
}
