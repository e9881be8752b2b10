//! Ways back into an account, and nobody else's way into it.

mod change;
mod hijack;
mod language;
mod race;
mod resend;
mod reset;
mod timing;

use serde_json::json;

use crate::{
    client::{Answer, Client, Tokens},
    server::Server,
};

const EMAIL: &str = "jane@example.com";
const NEW: &str = "N3w-lantern!";

async fn forgot(client: &Client, email: &str) -> Answer {
    client.post("/auth/password/forgot", &json!({"email": email})).await
}

async fn reset(client: &Client, token: &str, password: &str) -> Answer {
    client.post("/auth/password/reset", &json!({"token": token, "new_password": password})).await
}

async fn change(client: &Client, tokens: &Tokens, current: &str, new: &str) -> Answer {
    let body = json!({"current_password": current, "new_password": new});
    let request = client.request(reqwest::Method::POST, "/auth/password/change");
    client.send(request.bearer_auth(&tokens.access).json(&body)).await
}

async fn resend(client: &Client, email: &str) -> Answer {
    client.post("/auth/verify-email/resend", &json!({"email": email})).await
}

async fn verify(client: &Client, email: &str, code: &str) -> Answer {
    client.post("/auth/verify-email", &json!({"email": email, "code": code})).await
}

/// A service, a client and somebody who is signed in.
async fn signed_in() -> (Server, Client, Tokens) {
    let server = Server::start();
    let client = Client::of(&server);
    let tokens = client.signed_in(&server, EMAIL).await;
    (server, client, tokens)
}

/// A token for a new password, just mailed.
async fn token(server: &Server, client: &Client) -> String {
    forgot(client, EMAIL).await.expect(202);
    server.mailed_token(EMAIL)
}

/// The token with its last letter another one: for the same code of the same person, and wrong.
fn another(token: &str) -> String {
    let (rest, last) = token.split_at(token.len() - 1);
    format!("{rest}{}", if last == "A" { "B" } else { "A" })
}

/// How many mails to an address hold these words.
fn count_mails(server: &Server, email: &str, words: &str) -> usize {
    server.mails(email).iter().filter(|mail| mail.contains(words)).count()
}
