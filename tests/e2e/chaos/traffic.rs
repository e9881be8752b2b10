//! People who use both replicas, what they were told, and what each request came to.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::client::{Answer, Client, PASSWORD, Tokens};

/// Between two requests of a person, who would otherwise be the whole machine's load.
const PAUSE: Duration = Duration::from_millis(20);
/// Before a person tries again.
const RETRY: Duration = Duration::from_millis(100);
/// How often a person refreshes and changes their name before the next one comes.
const TURNS: usize = 4;

/// What a request came to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// As it should.
    Success,
    /// An error, by status and code.
    Error(u16, String),
    /// No answer, or not all of it.
    Unanswered,
}

pub(super) struct Request {
    pub(super) replica: usize,
    pub(super) started: Instant,
    pub(super) ended: Instant,
    pub(super) what: String,
    pub(super) outcome: Outcome,
}

/// One person, and what their client was told.
pub(super) struct Person {
    email: String,
    /// The newest tokens that arrived.
    tokens: Option<Tokens>,
    /// The last name whose change was accepted.
    name: String,
    /// Names whose change was not answered with success: each of them may have been taken, even late.
    uncertain: Vec<String>,
    changes: usize,
    accepted_changes: i64,
    accepted_sign_ins: i64,
}

/// What the events of one person must at least be.
pub(super) struct Accepted {
    pub(super) user: String,
    pub(super) changes: i64,
    pub(super) sign_ins: i64,
}

pub(super) struct Traffic {
    replicas: Vec<Client>,
    next: AtomicUsize,
    stop: AtomicBool,
    pub(super) requests: Mutex<Vec<Request>>,
}

impl Traffic {
    pub(super) fn to(urls: &[String]) -> Self {
        Self {
            replicas: urls.iter().map(|url| Client::at(url)).collect(),
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            requests: Mutex::default(),
        }
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Sends a request to the replica whose turn it is. `None` for one that must be tried again; a status in `fine` is no error.
    async fn send(
        &self,
        (method, path): (Method, &str),
        fine: &[u16],
        build: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Option<Answer> {
        let replica = self.next.fetch_add(1, Ordering::Relaxed) % self.replicas.len();
        let client = &self.replicas[replica];
        let what = format!("{method} {path}");
        let started = Instant::now();
        let answer = client.try_send(build(client.request(method, path))).await;
        let outcome = match &answer {
            Ok(answer) if (200..300).contains(&answer.status) || fine.contains(&answer.status) => {
                Outcome::Success
            }
            Ok(answer) => {
                Outcome::Error(answer.status, answer.body["error_code"].as_str().unwrap_or("none").to_owned())
            }
            Err(_) => Outcome::Unanswered,
        };
        let is_success = outcome == Outcome::Success;
        let request = Request { replica, started, ended: Instant::now(), what, outcome };
        self.requests.lock().expect("nothing panics while it is held").push(request);
        tokio::time::sleep(if is_success { PAUSE } else { RETRY }).await;
        answer.ok().filter(|_| is_success)
    }

    /// One person after the other, until told to stop.
    pub(super) async fn live(&self, number: usize) -> Vec<Person> {
        let mut people = Vec::new();
        while self.goes_on() {
            let email = format!("jane.{number}.{}@example.com", people.len());
            if self.register(&email).await.is_none() {
                break;
            }
            let mut person = Person::new(email);
            person.spend(self).await;
            people.push(person);
        }
        people
    }

    async fn register(&self, email: &str) -> Option<()> {
        let body = json!({"email": email, "password": PASSWORD, "name": "Jane Doe"});
        let mut fine: &[u16] = &[];
        while self.goes_on() {
            let answer =
                self.send((Method::POST, "/auth/register"), fine, |request| request.json(&body)).await;
            if answer.is_some() {
                return Some(());
            }
            // The one whose answer was lost may have done it.
            fine = &[409];
        }
        None
    }
}

impl Person {
    fn new(email: String) -> Self {
        let name = "Jane Doe".to_owned();
        let uncertain = Vec::new();
        Self { email, tokens: None, name, uncertain, changes: 0, accepted_changes: 0, accepted_sign_ins: 0 }
    }

    async fn spend(&mut self, traffic: &Traffic) {
        while self.tokens.is_none() && traffic.goes_on() {
            let body = json!({"email": self.email, "password": PASSWORD});
            let answer =
                traffic.send((Method::POST, "/auth/login"), &[], |request| request.json(&body)).await;
            if let Some(answer) = answer {
                self.tokens = Some(answer.tokens());
                self.accepted_sign_ins += 1;
            }
        }
        for _ in 0..TURNS {
            let Some(tokens) = self.tokens.clone().filter(|_| traffic.goes_on()) else { return };
            let body = json!({"refresh_token": tokens.refresh});
            let answer =
                traffic.send((Method::POST, "/auth/refresh"), &[], |request| request.json(&body)).await;
            let tokens = answer.map_or(tokens, |answer| answer.tokens());
            self.tokens = Some(tokens.clone());
            self.change_name(traffic, &tokens.access).await;
            traffic.send((Method::GET, "/auth/me"), &[], |request| request.bearer_auth(&tokens.access)).await;
        }
    }

    async fn change_name(&mut self, traffic: &Traffic, access: &str) {
        self.changes += 1;
        let name = format!("Jane Doe {}", self.changes);
        let body = json!({"name": name});
        let build = |request: RequestBuilder| request.bearer_auth(access).json(&body);
        match traffic.send((Method::PUT, "/users/me"), &[], build).await {
            Some(answer) => {
                assert_eq!(answer.body["name"], *name);
                self.name = name;
                self.accepted_changes += 1;
            }
            None => self.uncertain.push(name),
        }
    }

    /// Everything that was accepted is there: the account, its last name, its session.
    pub(super) async fn check(&self, client: &Client) -> Accepted {
        client.register(&self.email).await.expect_error(409, "USER_1102");
        if let Some(tokens) = &self.tokens {
            let next = client.refresh(&tokens.refresh).await.tokens();
            let me = client.get("/auth/me", &next.access).await;
            assert_eq!(me.expect(200)["user"]["email"], *self.email);
        }
        let tokens = client.login(&self.email, PASSWORD).await.tokens();
        let me = client.get("/users/me", &tokens.access).await.expect(200).clone();
        let name = me["name"].as_str().expect("a name");
        assert!(
            name == self.name || self.uncertain.iter().any(|possible| possible == name),
            "{name} is neither {} nor one of {:?}",
            self.name,
            self.uncertain
        );
        let user = me["id"].as_str().expect("an id").to_owned();
        Accepted { user, changes: self.accepted_changes, sign_ins: self.accepted_sign_ins + 1 }
    }
}
