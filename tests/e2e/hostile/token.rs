//! Tokens that are not what they say.

use reqwest::Method;

use super::{EMAIL, Target};
use crate::{
    client::{Client, Tokens},
    server::Server,
};

/// `{"alg":"none","typ":"JWT"}`
const UNSIGNED: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
/// `{"alg":"HS256","typ":"JWT"}`
const SYMMETRIC: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// A forgery is shown to one route in so many.
const STEP: usize = 7;

/// The characters of base64url, in the order of their values.
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The token with each character in turn replaced: by the one whose value differs in the lowest bit, which at the end of a part
/// may be one that is not used at all, and by the one whose code does.
fn flipped(token: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (place, byte) in token.bytes().enumerate() {
        let value = ALPHABET.iter().position(|other| *other == byte);
        let neighbours = [Some(byte ^ 1), value.map(|value| ALPHABET[value ^ 1])];
        for neighbour in neighbours.into_iter().flatten() {
            let mut bytes = token.as_bytes().to_vec();
            bytes[place] = neighbour;
            all.push(String::from_utf8(bytes).expect("ASCII"));
        }
    }
    all.sort();
    all.dedup();
    all
}

fn parts(token: &str) -> [&str; 4] {
    let parts: Vec<_> = token.split('.').collect();
    match parts[..] {
        [version, purpose, payload] => [version, purpose, payload, ""],
        [version, purpose, payload, footer] => [version, purpose, payload, footer],
        _ => panic!("{} parts", parts.len()),
    }
}

/// Everything that can be made of somebody's tokens and those of another service.
fn forgeries(own: &Tokens, foreign: &Tokens) -> Vec<String> {
    let [access, refresh] = [&own.access, &own.refresh].map(|token| parts(token));
    let [foreign_access, foreign_refresh] = [&foreign.access, &foreign.refresh].map(|token| parts(token));
    let (payload, footer) = (access[2], access[3]);
    let mut forged = vec![
        String::new(),
        ".".repeat(3),
        "v4.public".to_owned(),
        format!("v4.public..{footer}"),
        format!("v4.public.{payload}"),
        format!("v4.public.{payload}."),
        format!("v4.public.{payload}.{footer}.{footer}"),
        format!("v4.public.{payload}.{}", foreign_access[3]),
        format!("v4.public.{payload}.{}", refresh[3]),
        format!("v4.public.{}.{footer}", foreign_access[2]),
        format!("v4.public.{}.{footer}", refresh[2]),
        format!("v4.local.{payload}.{footer}"),
        format!("v4.local.{}.{footer}", refresh[2]),
        format!("v4.local.{}.{}", refresh[2], foreign_refresh[3]),
        format!("v4.local.{}.{}", foreign_refresh[2], refresh[3]),
        format!("{}=", own.access),
        format!("{}\u{e9}", own.access),
        own.access.replace("v4.public", "V4.PUBLIC"),
        own.access.replace('.', ".."),
        format!("{UNSIGNED}.{payload}."),
        format!("{UNSIGNED}.{payload}.{footer}"),
        format!("{SYMMETRIC}.{payload}.{payload}"),
        "A".repeat(50_000),
        format!("v4.public.{}", "A".repeat(50_000)),
        format!("v4.local.{}", "A".repeat(50_000)),
        foreign.access.clone(),
        foreign.refresh.clone(),
    ];
    for version in ["v1", "v2", "v3", "v5", "v04", "4", ""] {
        forged.push(format!("{version}.public.{payload}.{footer}"));
        forged.push(format!("{version}.local.{}.{}", refresh[2], refresh[3]));
    }
    for token in [&own.access, &own.refresh] {
        let lengths = (0..token.len()).step_by(13).chain([token.len() - 2, token.len() - 1]);
        forged.extend(lengths.map(|length| token[..length].to_owned()));
    }
    forged
}

async fn tokens() -> (Target, Tokens, Tokens) {
    let target = Target::start().await;
    let own = target.client.login(EMAIL, crate::client::PASSWORD).await.tokens();
    let stranger = Server::start();
    let foreign = Client::of(&stranger).signed_in(&stranger, EMAIL).await;
    (target, own, foreign)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_with_any_one_bit_changed_is_invalid() {
    let (target, own, _) = tokens().await;
    for forged in flipped(&own.access) {
        let answer = target.client.get("/auth/me", &forged).await;
        assert_eq!(answer.status, 401, "{forged}\nfor {}", own.access);
        answer.expect_error(401, "USER_1006");
    }
    target.client.get("/auth/me", &own.access).await.expect(200);
    target.expect_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_with_any_one_bit_changed_is_invalid_and_ends_no_session() {
    let (target, own, _) = tokens().await;
    for forged in flipped(&own.refresh) {
        let answer = target.client.refresh(&forged).await;
        assert_eq!(answer.status, 401, "{forged}\nfor {}", own.refresh);
        answer.expect_error(401, "USER_1006");
    }
    target.client.refresh(&own.refresh).await.expect(200);
    target.expect_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_swapped_cut_or_foreign_token_is_invalid_wherever_it_is_shown() {
    let (mut target, own, foreign) = tokens().await;
    let routes: Vec<_> = target.routes.iter().filter(|route| route.needs_bearer).cloned().collect();
    for (number, forged) in forgeries(&own, &foreign).into_iter().enumerate() {
        // All routes read tokens by the same code: each meets a dozen forgeries, and each forgery as many routes.
        for route in routes.iter().skip(number % STEP).step_by(STEP) {
            target.access.clone_from(&forged);
            let answer = target.client.send(target.request(route)).await;
            answer.expect_error(401, "USER_1006");
        }
        target.client.refresh(&forged).await.expect_error(401, "USER_1006");
    }
    target.client.get("/auth/me", &own.access).await.expect(200);
    target.client.refresh(&own.refresh).await.expect(200);
    target.expect_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_authorization_header_is_a_missing_token() {
    let (target, own, _) = tokens().await;
    let access = own.access;
    let headers = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer{access}"),
        format!("Bearer\t{access}"),
        format!("Bearer {access}, Bearer {access}"),
        format!("Bearer {access} x"),
        format!("Basic {access}"),
        format!("Token {access}"),
        access.clone(),
        format!("Bearer \"{access}\""),
        format!("Bearer token={access}"),
        "Basic amFuZTpUcjR2ZWwtbGlnaHQ=".to_owned(),
        format!("Bearer {}", "x".repeat(100 * 1024)),
        "x".repeat(100 * 1024),
    ];
    let routes: Vec<_> = target.routes.iter().filter(|route| route.needs_bearer).collect();
    for header in &headers {
        for route in &routes {
            let url = format!("{}{}", target.server.url(), route.path);
            let request = target.http.request(route.method.clone(), url).header("Authorization", header);
            let answer = target.client.send(request).await;
            assert_eq!(answer.status, 401, "{header:.60} {route:?}");
            answer.expect_error(401, "USER_1006");
        }
    }
    for place in ["access_token", "token", "authorization"] {
        let request = target.client.request(Method::GET, &format!("/auth/me?{place}={access}"));
        target.client.send(request).await.expect_error(401, "USER_1006");
    }
    target.expect_well().await;
}
