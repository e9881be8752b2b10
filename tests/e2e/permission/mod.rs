//! Who may do what: every operation of the OpenAPI document is asked by every kind of caller, and answers as the table says. An
//! operation without a row fails, and so does a row without an operation.

mod table;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use self::table::{Body, Row, TABLE, Target};
use crate::{
    client::{self, Client, PASSWORD, Tokens},
    server::Server,
};

/// Kinds of callers, in the order of the table's columns, and after them who has an API key and no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Without a token.
    Nobody,
    /// Signed in, with no more than an account.
    User,
    Moderator,
    Admin,
    /// With the token of a session that has ended.
    Ended,
    /// Owner of a company: of another one than whatever the path names.
    OtherOwner,
    /// Without a token, and with a good API key.
    ApiKey,
}

/// An id of nothing.
const NOBODYS: &str = "01890000-0000-7000-8000-000000000000";

const KINDS: [Kind; 6] =
    [Kind::Nobody, Kind::User, Kind::Moderator, Kind::Admin, Kind::Ended, Kind::OtherOwner];

/// A service, somebody who makes the accounts that the callers need, and a company that none of them belongs to.
struct World {
    server: Server,
    client: Client,
    root: Tokens,
    company: String,
}

/// A caller of a kind, made for one request: whatever that does to their account hinders no other.
struct Caller {
    email: String,
    tokens: Option<Tokens>,
    session: Option<String>,
    /// An API key's id and text.
    key: Option<(String, String)>,
}

impl World {
    async fn new() -> Self {
        let server =
            Server::start_with(&[("ENABLE_EMAIL_VERIFICATION", "false"), ("RATE_LIMIT_ENABLED", "false")]);
        let client = Client::of(&server);
        let root = client.admin(&server, "root@example.com").await;
        let company = found_company(&client, "company@example.com").await;
        Self { server, client, root, company }
    }

    /// Makes an account; returns its id.
    async fn account(&self, email: &str, role: &str) -> String {
        let body = json!({"email": email, "password": PASSWORD, "name": "Jane Doe", "role": role, "is_verified": true});
        let made = self.client.act("/admin/users", &self.root.access, &body).await;
        made.expect(201)["id"].as_str().expect("an id").to_owned()
    }

    /// Somebody who asks to join the company; returns their id.
    async fn member(&self, email: &str) -> String {
        let body =
            json!({"email": email, "password": PASSWORD, "name": "Jane Doe", "company_id": self.company});
        let joined = self.client.post("/auth/register/user", &body).await;
        joined.expect(201)["id"].as_str().expect("an id").to_owned()
    }

    /// Registers a feature; returns its name.
    async fn feature(&self, name: &str) -> String {
        let body = json!({"name": format!("{name}.feature")});
        let made = self.client.act("/feature", &self.root.access, &body).await;
        made.expect(201)["name"].as_str().expect("a name").to_owned()
    }

    async fn caller(&self, kind: Kind, name: &str) -> Caller {
        let email = format!("{name}@example.com");
        let role = match kind {
            Kind::Nobody => return Caller { email, tokens: None, session: None, key: None },
            Kind::User | Kind::Ended | Kind::OtherOwner | Kind::ApiKey => "user",
            Kind::Moderator => "moderator",
            Kind::Admin => "admin",
        };
        if kind == Kind::OtherOwner {
            found_company(&self.client, &email).await;
        } else {
            self.account(&email, role).await;
        }
        let signed_in = self.client.login(&email, PASSWORD).await;
        let session = signed_in.body["session_id"].as_str().map(str::to_owned);
        let tokens = signed_in.tokens();
        let made = self.client.act("/api_key/generate", &tokens.access, &json!({"name": "ci"})).await;
        let text = |name: &str| made.expect(201)[name].as_str().expect("a text").to_owned();
        let key = Some((text("id"), text("api_key")));
        if kind == Kind::Ended {
            self.client.logout(&tokens.access).await.expect(200);
        }
        let tokens = Some(tokens).filter(|_| kind != Kind::ApiKey);
        // Whose key it is is another account than the one that a body names.
        let email = if kind == Kind::ApiKey { format!("nobody.{email}") } else { email };
        Caller { email, tokens, session, key }
    }

    /// The path of a row with ids of what is there for this one request.
    async fn path(&self, row: &Row, caller: &Caller, name: &str) -> String {
        let (_, path) = row.operation.split_once(' ').expect("a method and a path");
        let target = match row.target {
            Target::None => return path.to_owned(),
            Target::Bystander => self.account(&format!("{name}.bystander@example.com"), "user").await,
            Target::Member => self.member(&format!("{name}.member@example.com")).await,
            Target::Company => self.company.clone(),
            Target::OwnKey => caller.key.as_ref().map_or(NOBODYS, |(id, _)| id).to_owned(),
            Target::AnyFeature => self.feature(name).await,
            Target::OwnSession => caller.session.clone().unwrap_or_else(|| NOBODYS.to_owned()),
        };
        let (before, rest) = path.split_once('{').expect("a parameter");
        let (_, after) = rest.split_once('}').expect("its end");
        format!("{before}{target}{after}")
    }

    /// The status that one kind of caller gets.
    async fn ask(&self, row: &Row, kind: Kind, name: &str) -> u16 {
        let caller = self.caller(kind, name).await;
        let path = self.path(row, &caller, name).await;
        let (method, _) = row.operation.split_once(' ').expect("a method and a path");
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let url = format!("{}{path}", self.server.url());
        let mut request = client::http().request(method, url);
        if let Some(tokens) = &caller.tokens {
            request = request.bearer_auth(&tokens.access);
        }
        if let (Kind::ApiKey, Some((_, key))) = (kind, &caller.key) {
            request = request.header("API-Key", key);
        }
        let bystander = match row.body {
            Body::OnStream(_) => self.account(&format!("{name}.bystander@example.com"), "user").await,
            _ => String::new(),
        };
        if let Some(body) = body(row.body, &caller, name, &bystander) {
            request = request.json(&body);
        }
        let is_endless = row.operation.contains("/stream/live/");
        let answer =
            if is_endless { self.client.begin(request).await } else { self.client.send(request).await };
        if matches!(answer.status, 401 | 403) {
            let code = answer.body["error_code"].as_str().expect("an error");
            // Where a key is needed too, a token alone is not enough.
            assert!(
                code.starts_with("USER_1") || code == "KEY_4102",
                "{} as {kind:?}: {code}",
                row.operation
            );
        }
        answer.status
    }
}

/// Registers a company with its owner; returns the company's id.
async fn found_company(client: &Client, email: &str) -> String {
    let body = json!({"email": email, "password": PASSWORD, "name": "Smith & Sons, Inc."});
    let registered = client.post("/auth/register/company", &body).await;
    registered.expect(201)["company"]["id"].as_str().expect("an id").to_owned()
}

fn body(body: Body, caller: &Caller, name: &str, bystander: &str) -> Option<Value> {
    let new_account =
        || json!({"email": format!("{name}.new@example.com"), "password": PASSWORD, "name": "Jane Doe"});
    let refresh = || caller.tokens.as_ref().map_or("none", |tokens| tokens.refresh.as_str()).to_owned();
    match body {
        Body::None => None,
        Body::NewAccount => Some(new_account()),
        Body::OwnPassword => Some(json!({"email": caller.email, "password": PASSWORD})),
        Body::OwnRefreshToken => Some(json!({"refresh_token": refresh()})),
        Body::OnStream(rest) => {
            let comma = if rest.is_empty() { "" } else { ", " };
            Some(
                serde_json::from_str(&format!(r#"{{"stream_id": "{bystander}"{comma}{rest}}}"#))
                    .expect("JSON"),
            )
        }
        Body::NewFeature => Some(json!({"name": format!("{name}.new")})),
        Body::Json(text) => Some(serde_json::from_str(text).expect("JSON")),
    }
}

/// Every operation, as the document of the running service names it.
async fn operations(world: &World) -> BTreeSet<String> {
    let document =
        client::http().get(format!("{}/openapi.json", world.server.url())).send().await.expect("an answer");
    let document: Value = document.json().await.expect("JSON");
    let paths = document["paths"].as_object().expect("paths").iter();
    let operations = paths.flat_map(|(path, operations)| {
        let methods = operations.as_object().expect("operations").keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    operations.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_every_kind_of_caller_as_the_table_says() {
    let world = World::new().await;
    let rows: BTreeSet<String> = TABLE.iter().map(|row| row.operation.to_owned()).collect();
    assert_eq!(rows.len(), TABLE.len(), "an operation has two rows");
    let operations = operations(&world).await;
    let without_row: Vec<_> = operations.difference(&rows).collect();
    assert!(
        without_row.is_empty(),
        "who may do this? Say it in tests/e2e/permission/table.rs: {without_row:#?}"
    );
    let without_operation: Vec<_> = rows.difference(&operations).collect();
    assert!(without_operation.is_empty(), "these are no operations (any more): {without_operation:#?}");

    let mut wrong = Vec::new();
    for (number, row) in TABLE.iter().enumerate() {
        let expected = KINDS.into_iter().zip(row.statuses).chain([(Kind::ApiKey, row.status_with_key())]);
        for (column, (kind, expected)) in expected.enumerate() {
            let name = format!("caller.{number}.{column}");
            let is = world.ask(row, kind, &name).await;
            if is != expected {
                wrong.push(format!("{} as {kind:?}: {is}, not {expected}", row.operation));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
