//! Three ways of checking a token: the service itself, its introspection, and another service by `portcullis-verify`. They agree on
//! tokens good and bad, thousands of them where `AGREEMENT_TOKENS` asks for it: `just agreement`.
//!
//! What agreement means where one way knows more: of the session no token tells, so offline a token is good whose session has ended. Then,
//! and only then, the service and its introspection refuse what `portcullis-verify` takes. Among themselves those two never differ.

mod forge;
mod kind;

use std::{
    collections::BTreeMap,
    io::Write as _,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use portcullis_verify::{Format, Verifier, VerifyError};
use reqwest::Method;
use serde_json::json;

use crate::{
    client::{Client, PASSWORD},
    server::{PATIENCE, Server, StoreSql},
};
use forge::Forge;
use kind::{Dice, Kind, Made, Session, Verdict};

const EMAIL: &str = "jane@example.com";
const ADMIN: &str = "ada@example.com";
const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// How many tokens each format gets unless the environment asks for more in all.
const TOKENS: usize = 150;
/// Tokens are made and judged so many at a time, so that none runs out meanwhile.
const BATCH: usize = 500;
const AT_ONCE: usize = 24;

/// The verdicts on a token.
#[derive(Debug, PartialEq, Eq)]
struct Verdicts {
    service: Verdict,
    introspection: Verdict,
    offline: Verdict,
}

#[tokio::test(flavor = "multi_thread")]
async fn service_introspection_and_offline_verification_agree_on_paseto() {
    agree(Format::Paseto, "paseto", "EdDSA").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn service_introspection_and_offline_verification_agree_on_jwt_with_eddsa() {
    agree(Format::JwtEdDsa, "jwt", "EdDSA").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn service_introspection_and_offline_verification_agree_on_jwt_with_es256() {
    agree(Format::JwtEs256, "jwt", "ES256").await;
}

async fn agree(format: Format, name: &'static str, algorithm: &'static str) {
    let server = Server::start_with(&[
        ("ENABLE_EMAIL_VERIFICATION", "false"),
        ("MAX_SESSIONS_PER_USER", "100"),
        ("MASTER_KEY", MASTER_KEY),
        ("TOKEN_FORMAT", name),
        ("JWT_ALGORITHM", algorithm),
    ]);
    let client = Client::of(&server);
    grow_keys(&server, &client).await;
    let forge = Forge::open(&server, MASTER_KEY, format).await;
    let sessions = sessions(&server, &client).await;
    let admin = client.login(ADMIN, PASSWORD).await.tokens().access;
    let verifier = Verifier::builder(server.url()).issuer("e2e").formats([format]);
    // The floor itself has tests of its own; made-up names of keys would take minutes here.
    let verifier = verifier.fetch_at_most_every(Duration::from_millis(20)).build().expect("a verifier");

    let mut dice = Dice::new(17);
    let (mut left, began, mut counted) = (tokens_each(), Instant::now(), BTreeMap::new());
    while left > 0 {
        let batch: Vec<_> = (0..left.min(BATCH)).map(|_| forge.make(&mut dice, &sessions)).collect();
        left -= batch.len();
        let judged = stream::iter(batch.into_iter().map(async |made| {
            let verdicts = judge(&client, &admin, &verifier, &made).await;
            (made, verdicts)
        }));
        let judged: Vec<_> = judged.buffer_unordered(AT_ONCE).collect().await;
        for (made, verdicts) in judged {
            assert_eq!(verdicts, expected(&made), "{name} {algorithm}, {:?}: {}", made.kind, made.token);
            *counted
                .entry((made.kind, verdicts.offline.is_good(), verdicts.service.is_good()))
                .or_insert(0) += 1_usize;
        }
    }
    report(name, algorithm, &counted, began.elapsed());
}

/// What each way must say of a token that was made to be of a kind.
fn expected(made: &Made) -> Verdicts {
    let lives = made.session.as_ref().is_none_or(|session| session.lives);
    let service = if lives { made.verdict } else { made.verdict.and(Verdict::Invalid) };
    let introspection = if service.is_good() { Verdict::Good } else { Verdict::Invalid };
    Verdicts { service, introspection, offline: made.verdict }
}

async fn judge(client: &Client, admin: &str, verifier: &Verifier, made: &Made) -> Verdicts {
    let answer = client.get("/auth/me", &made.token).await;
    let service = match (answer.status, answer.body["error_code"].as_str()) {
        (200, None) => {
            assert_eq!(answer.body["user"]["id"].as_str(), made.subject().as_deref(), "{:#}", answer.body);
            Verdict::Good
        }
        (401, Some("USER_1005")) => Verdict::Expired,
        (401, Some("USER_1006")) => Verdict::Invalid,
        other => panic!("{other:?} for {:?}: {}", made.kind, made.token),
    };
    let question = client.request(Method::POST, "/auth/introspect").bearer_auth(admin);
    let answer = client.send(question.json(&json!({"token": made.token}))).await;
    let told = answer.expect(200);
    // A refresh token is good for what it is for.
    let is_access = told["token_type"] != "refresh_token";
    let introspection = if told["active"] == true && is_access { Verdict::Good } else { Verdict::Invalid };
    let offline = match verifier.verify(&made.token).await {
        Ok(claims) => {
            assert_eq!(Some(claims.user.to_string()), made.subject());
            if introspection.is_good() {
                let (session, token) = (claims.session.to_string(), claims.token.to_string());
                let perms: Vec<_> = claims.permissions.iter().map(|permission| permission.as_str()).collect();
                let said = json!([
                    claims.user.to_string(),
                    session,
                    token,
                    claims.expires_at.timestamp(),
                    claims.role.as_str(),
                    perms
                ]);
                let fields = ["sub", "sid", "jti", "exp", "role", "perms"];
                assert_eq!(json!(fields.map(|field| &told[field])), said);
            }
            Verdict::Good
        }
        Err(VerifyError::Expired) => Verdict::Expired,
        Err(VerifyError::Invalid) => Verdict::Invalid,
        Err(error @ VerifyError::KeysUnavailable(_)) => panic!("{error:?}"),
    };
    Verdicts { service, introspection, offline }
}

/// A ring with a key that is over, two that are retired and still good, an active and a next one.
async fn grow_keys(server: &Server, client: &Client) {
    for _ in 0..3 {
        let rotated = server.command(&["keys", "rotate"]).output().expect("it runs");
        assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    }
    // A key is over when the one after the next has been there for longer than any token lasts.
    let aged = StoreSql {
        sqlite: "UPDATE signing_keys SET created_at = created_at - 86400000000 WHERE epoch <= 3",
        postgres: "UPDATE signing_keys SET created_at = created_at - interval '1 day' WHERE epoch <= 3",
    };
    server.query(&aged).await;
    let deadline = Instant::now() + PATIENCE;
    let mut in_turn = 0;
    while in_turn < 4 {
        assert!(Instant::now() < deadline, "the service does not notice the keys");
        let answer = client.send(client.request(Method::GET, "/auth/keys")).await;
        let keys = answer.expect(200)["keys"].as_array().expect("keys").clone();
        let ended = keys.first().and_then(|key| key["not_after"].as_str()).unwrap_or("9").to_owned();
        // Times of one form are in the order of their texts.
        let is_seen = keys.len() == 5 && ended < Forge::now().to_rfc3339();
        in_turn = if is_seen { in_turn + 1 } else { 0 };
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Sessions of two people, living and ended, and one that never was.
async fn sessions(server: &Server, client: &Client) -> Vec<Session> {
    client.register(EMAIL).await.expect(201);
    server.make_admin(ADMIN);
    let mut sessions = Vec::new();
    for (place, email) in [EMAIL, EMAIL, EMAIL, ADMIN, EMAIL, ADMIN].into_iter().enumerate() {
        let tokens = client.login(email, PASSWORD).await.tokens();
        let lives = place < 4;
        if !lives {
            client.logout(&tokens.access).await.expect(200);
        }
        sessions.push(Session::of(tokens, lives));
    }
    sessions.push(Session::nowhere(&sessions[0]));
    sessions
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment how long to go on")]
fn tokens_each() -> usize {
    let all = std::env::var("AGREEMENT_TOKENS").ok().map(|text| text.parse::<usize>().expect("a number"));
    all.map_or(TOKENS, |all| all.div_ceil(3))
}

/// What was compared, for whoever asked for the output.
fn report(name: &str, algorithm: &str, counted: &BTreeMap<(Kind, bool, bool), usize>, took: Duration) {
    let mut out = std::io::stdout().lock();
    let all: usize = counted.values().sum();
    let mut write = |line: String| writeln!(out, "{line}").expect("it can be written");
    write(format!("{name} {algorithm}: the three agree on {all} tokens, in {took:.1?}"));
    let word = |is_good| if is_good { "taken" } else { "refused" };
    for ((kind, offline, service), count) in counted {
        write(format!(
            "  {count:>5} {:<24} offline {:<8} service and introspection {}",
            format!("{kind:?}"),
            word(*offline),
            word(*service)
        ));
    }
}
