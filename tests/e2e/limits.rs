//! How often one address may ask, and which address that is.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::{
    client::{self, Answer, Client},
    metrics::Scrape,
    server::{PATIENCE, Server},
};

pub(crate) const LIMITED: (&str, &str) = ("RATE_LIMIT_ENABLED", "true");
/// The tests themselves are the proxy.
pub(crate) const PROXIED: (&str, &str) = ("TRUSTED_PROXIES", "127.0.0.1, ::1");

/// A network of 64 bits that nobody used before: services on the scale stack count in one Redis.
pub(crate) fn new_network() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let moment = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos();
    let number = u64::try_from(moment / 1_000).expect("before the year 500,000") << 6
        | NEXT.fetch_add(1, Ordering::Relaxed);
    format!("2001:{:x}:{:x}:{:x}", 0xd00 | (number >> 32 & 0xff), number >> 16 & 0xffff, number & 0xffff)
}

/// A service with the limits that it has unless told otherwise, and a client from an address of its own.
fn limited(settings: &[(&str, &str)]) -> (Server, Client) {
    let server = Server::start_with(&[&[LIMITED, PROXIED], settings].concat());
    let client = Client::of(&server).at_address(&format!("{}::1", new_network()));
    (server, client)
}

async fn wrong_login(client: &Client) -> Answer {
    client.login("nobody@example.com", "Wr0ng-password").await
}

#[tokio::test(flavor = "multi_thread")]
async fn five_sign_ins_a_minute_are_allowed_and_the_sixth_is_told_when() {
    let (server, client) = limited(&[]);
    for left in (0..5).rev() {
        let answer = wrong_login(&client).await;
        answer.expect_error(401, "USER_1001");
        assert_eq!((answer.number("RateLimit-Limit"), answer.number("RateLimit-Remaining")), (5, left));
        assert!((1..=60).contains(&answer.number("RateLimit-Reset")), "{:?}", answer.headers);
        assert!(!answer.headers.contains_key("retry-after"));
    }
    let refused = wrong_login(&client).await;
    refused.expect_error(429, "COMMON_9002");
    assert_eq!((refused.number("RateLimit-Limit"), refused.number("RateLimit-Remaining")), (5, 0));
    let wait = refused.number("Retry-After");
    assert!((1..=12).contains(&wait), "one comes back every 12 seconds: {wait}");
    let metrics = Scrape::of(&server).await;
    for series in [
        r#"user_login_attempts_total{status="rate_limited"}"#,
        r#"http_requests_total{endpoint="/api/v1/auth/login",method="POST",status="429"}"#,
    ] {
        assert_eq!(metrics.find(series), Some(1.0), "{series}");
    }
    // Other things may still be done.
    client.refresh("v4.local.x").await.expect_error(401, "USER_1006");
    // And once it is over, it is over.
    tokio::time::sleep(Duration::from_secs(wait)).await;
    wrong_login(&client).await.expect_error(401, "USER_1001");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_registrations_an_hour_are_allowed() {
    let (_server, client) = limited(&[]);
    for number in 0..3 {
        client.register(&format!("jane{number}@example.com")).await.expect(201);
    }
    let refused = client.register("jane3@example.com").await;
    refused.expect_error(429, "COMMON_9002");
    assert!((1_000..=1_200).contains(&refused.number("Retry-After")), "{:?}", refused.headers);
    // Ways to register that are not there yet count too.
    client.post("/auth/register/company", &json!({})).await.expect_error(429, "COMMON_9002");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_else_counts_together() {
    let (_server, client) = limited(&[("RATE_LIMIT_PER_MINUTE", "3")]);
    client.get("/auth/me", "v4.public.x").await.expect_error(401, "USER_1006");
    client.refresh("v4.local.x").await.expect_error(401, "USER_1006");
    client.get("/nothing", "").await.expect_error(404, "COMMON_9003");
    client.get("/users/me", "v4.public.x").await.expect_error(429, "COMMON_9002");
    for _ in 0..5 {
        let health = client.get("/auth/health", "").await;
        health.expect(200);
        assert!(!health.headers.contains_key("ratelimit-limit"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn monitors_and_documents_are_never_refused() {
    let (server, _) = limited(&[("RATE_LIMIT_PER_MINUTE", "1")]);
    for path in ["/health/liveness", "/health/readiness", "/openapi.json", "/openapi.yaml", "/docs", "/redoc"]
    {
        for _ in 0..3 {
            let answer =
                client::http().get(format!("{}{path}", server.url())).send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_counted_each_for_itself_and_networks_of_the_new_family_as_one() {
    let (_server, client) = limited(&[("RATE_LIMIT_LOGIN_PER_MINUTE", "1")]);
    let network = new_network();
    wrong_login(&client.at_address(&format!("{network}::1"))).await.expect_error(401, "USER_1001");
    wrong_login(&client.at_address(&format!("{network}:ffff::2"))).await.expect_error(429, "COMMON_9002");
    let other = new_network();
    wrong_login(&client.at_address(&format!("{other}::1"))).await.expect_error(401, "USER_1001");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_no_trusted_proxy_chooses_no_address_for_itself() {
    let server = Server::start_with(&[LIMITED]);
    let client = Client::of(&server);
    let spoofed = async |header: &str, value: String| {
        let request = client.request(Method::POST, "/auth/login").header(header, value);
        client.send(request.json(&json!({"email": "nobody@example.com", "password": "x"}))).await.status
    };
    let mut allowed = 0;
    for number in 0..10 {
        for (header, value) in [
            ("X-Forwarded-For", format!("192.0.2.{number}")),
            ("Forwarded", format!("for=192.0.2.{number}")),
            ("X-Real-IP", format!("192.0.2.{number}")),
        ] {
            allowed += u32::from(spoofed(header, value).await == 401);
        }
    }
    // Others on the scale stack may have counted as this address before; a minute of tests gives back five.
    assert!(allowed <= 10, "{allowed} of 30 were let through");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_remembers_the_client_and_not_the_proxy() {
    let server = Server::start_with(&[PROXIED, ("ENABLE_EMAIL_VERIFICATION", "false")]);
    let client = Client::of(&server).at_address("192.0.2.77, 203.0.113.9, ::1");
    client.register("jane@example.com").await.expect(201);
    let tokens = client.login("jane@example.com", crate::client::PASSWORD).await.tokens();
    let me = client.get("/auth/me", &tokens.access).await;
    assert_eq!(me.expect(200)["session"]["ip_address"], "203.0.113.9");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_too_many_is_refused_though_its_body_never_comes() {
    let (server, client) = limited(&[("RATE_LIMIT_LOGIN_PER_MINUTE", "1")]);
    let address = format!("{}::1", new_network());
    wrong_login(&client.at_address(&address)).await.expect_error(401, "USER_1001");
    let mut stream =
        TcpStream::connect(server.url().trim_start_matches("http://")).await.expect("it accepts");
    let head = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: 60000\r\n\r\n{{"
    );
    let begun = Instant::now();
    stream.write_all(head.as_bytes()).await.expect("it reads");
    let mut start = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut start)).await.expect("in time").expect("an answer");
    assert_eq!(&start, b"HTTP/1.1 429");
    assert!(begun.elapsed() < Duration::from_secs(8), "it was not waited for: {:?}", begun.elapsed());
}
