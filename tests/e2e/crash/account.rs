//! One account, what its client was told about it, and what must therefore be there.

use reqwest::Method;
use serde_json::{Value, json};

use super::mailbox::Mailbox;
use crate::client::{Answer, Client, PASSWORD, Tokens};

/// How far a request got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Unsent,
    /// The crash took the answer: it is done or it is not.
    Sent,
    /// It was answered with success: it is done.
    Done,
}

/// What one client did to one account, as far as it knows.
pub(super) struct Account {
    pub(super) email: String,
    pub(super) registered: Step,
    /// Whether it was registered where a code is mailed.
    is_mailed: bool,
    verified: Step,
    /// The newest tokens that arrived.
    tokens: Option<Tokens>,
    /// Names it has or may have: the last that was acknowledged, and the one that was on its way.
    pub(super) names: Vec<String>,
    signed_out: Step,
    /// How many changes it has been through, so that no two of its names are the same.
    changes: u32,
}

/// What was acknowledged, all told.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) registered: usize,
    pub(super) verified: usize,
    pub(super) signed_in: usize,
    pub(super) refreshed: usize,
    pub(super) updated: usize,
    pub(super) signed_out: usize,
    pub(super) unanswered: usize,
}

/// How a client spends its time.
pub(super) struct Life<'a> {
    pub(super) client: &'a Client,
    pub(super) mailbox: &'a Mailbox,
    pub(super) verification: bool,
}

impl Account {
    pub(super) fn new(email: String) -> Self {
        let names = vec!["Jane Doe".to_owned()];
        let (registered, verified, signed_out) = (Step::Unsent, Step::Unsent, Step::Unsent);
        Self { email, registered, is_mailed: false, verified, tokens: None, names, signed_out, changes: 0 }
    }

    /// Everything a person does, one after the other, until it is done or the service is gone.
    pub(super) async fn live(&mut self, life: &Life<'_>, tally: &mut Tally) -> Option<()> {
        let client = life.client;
        if self.registered != Step::Done {
            (self.registered, self.is_mailed) = (Step::Sent, life.verification);
            ask(client, "/auth/register", &registration(&self.email)).await?.expect(201);
            self.registered = Step::Done;
            tally.registered += 1;
        }
        if life.verification && self.verified != Step::Done {
            let code = self.wait_for_mail(life).await?;
            self.verify(client, &code).await?;
            tally.verified += 1;
        }
        let mut tokens = match self.tokens.clone() {
            Some(tokens) => tokens,
            None => self.sign_in(client, tally).await?,
        };
        for _ in 0..3 {
            tokens = ask(client, "/auth/refresh", &json!({"refresh_token": tokens.refresh})).await?.tokens();
            self.tokens = Some(tokens.clone());
            tally.refreshed += 1;
            self.change_name(client, &tokens.access, tally).await?;
        }
        self.signed_out = Step::Sent;
        let request = client.request(Method::POST, "/auth/logout").bearer_auth(&tokens.access);
        client.try_send(request).await.ok()?.expect(200);
        self.signed_out = Step::Done;
        tally.signed_out += 1;
        Some(())
    }

    /// Opens a session again where the last life ended with signing out.
    pub(super) fn live_again(&mut self) {
        if self.signed_out == Step::Done {
            (self.tokens, self.signed_out) = (None, Step::Unsent);
        }
    }

    /// Proves the address, or finds that a request whose answer the crash took has done so.
    async fn verify(&mut self, client: &Client, code: &str) -> Option<()> {
        let may_be_done = self.verified == Step::Sent;
        self.verified = Step::Sent;
        let answer = ask(client, "/auth/verify-email", &json!({"email": self.email, "code": code})).await?;
        if may_be_done && answer.status != 200 {
            answer.expect_error(400, "USER_1008");
        } else {
            answer.expect(200);
        }
        self.verified = Step::Done;
        Some(())
    }

    async fn sign_in(&mut self, client: &Client, tally: &mut Tally) -> Option<Tokens> {
        let body = json!({"email": self.email, "password": PASSWORD});
        let tokens = ask(client, "/auth/login", &body).await?.tokens();
        self.tokens = Some(tokens.clone());
        tally.signed_in += 1;
        Some(tokens)
    }

    async fn change_name(&mut self, client: &Client, access: &str, tally: &mut Tally) -> Option<()> {
        self.changes += 1;
        let name = format!("Jane Doe {}", self.changes);
        self.names.push(name.clone());
        let request = client.request(Method::PUT, "/users/me").bearer_auth(access);
        let answer = client.try_send(request.json(&json!({"name": name}))).await.ok()?;
        assert_eq!(answer.expect(200)["name"], *name);
        self.names = vec![name];
        tally.updated += 1;
        Some(())
    }

    /// The mailed code, unless the service is gone before it is mailed.
    async fn wait_for_mail(&self, life: &Life<'_>) -> Option<String> {
        loop {
            if let Some(code) = life.mailbox.code(&self.email) {
                return Some(code);
            }
            life.client.try_send(life.client.request(Method::GET, "/auth/health")).await.ok()?;
        }
    }

    /// Everything that was acknowledged is there, and what was not is there or not, but not by half.
    pub(super) async fn check(&mut self, life: &Life<'_>) {
        let client = life.client;
        let again = client.register(&self.email).await;
        if self.registered == Step::Done || again.status != 201 {
            again.expect_error(409, "USER_1102");
        } else {
            self.is_mailed = life.verification;
        }
        if self.is_mailed && self.verified != Step::Done {
            let code = life.mailbox.wait(&self.email).await;
            self.verify(client, &code).await.expect("an answer");
        }
        if let Some(tokens) = self.tokens.clone() {
            self.check_session(client, &tokens).await;
        }
        let tokens = client.login(&self.email, PASSWORD).await.tokens();
        let me = client.get("/users/me", &tokens.access).await.expect(200).clone();
        assert!(self.verified == Step::Sent || me["is_verified"] == (self.verified == Step::Done), "{me:#}");
        let name = me["name"].as_str().expect("a name");
        assert!(self.names.iter().any(|possible| possible == name), "{name} is none of {:?}", self.names);
        self.names = vec![name.to_owned()];
        // From here it goes on in the next round.
        self.registered = Step::Done;
        (self.tokens, self.signed_out) = (Some(tokens), Step::Unsent);
    }

    async fn check_session(&self, client: &Client, tokens: &Tokens) {
        let me = client.get("/auth/me", &tokens.access).await;
        let lives = match self.signed_out {
            Step::Unsent => true,
            Step::Sent => me.status == 200,
            Step::Done => false,
        };
        if !lives {
            me.expect_error(401, "USER_1006");
            client.refresh(&tokens.refresh).await.expect_error(401, "USER_1202");
            return;
        }
        assert_eq!(me.expect(200)["user"]["email"], *self.email);
        let next = client.refresh(&tokens.refresh).await.tokens();
        client.get("/auth/me", &next.access).await.expect(200);
    }
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.registered += other.registered;
        self.verified += other.verified;
        self.signed_in += other.signed_in;
        self.refreshed += other.refreshed;
        self.updated += other.updated;
        self.signed_out += other.signed_out;
        self.unanswered += other.unanswered;
    }
}

fn registration(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "name": "Jane Doe"})
}

/// Posts a request; `None` when the service is gone before all of the answer is there.
async fn ask(client: &Client, path: &str, body: &Value) -> Option<Answer> {
    client.try_send(client.request(Method::POST, path).json(body)).await.ok()
}
