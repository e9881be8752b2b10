//! What `/metrics` says: it moves by what is done, knows routes and no paths, and nothing of people.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    client::{self, Client, PASSWORD},
    server::{PATIENCE, Server},
};

const EMAIL: &str = "jane@example.com";
const UNLIMITED: (&str, &str) = ("RATE_LIMIT_ENABLED", "false");
const DOCUMENT: &str = include_str!("../../openapi.json");
const REFERENCE: &str = include_str!("../../docs/metrics.md");

/// What a scrape got: each series with its value; where the service is more than one process, what Prometheus would add them up to.
#[derive(Debug)]
pub(crate) struct Scrape {
    text: String,
    series: BTreeMap<String, f64>,
}

impl Scrape {
    pub(crate) async fn of(server: &Server) -> Self {
        let mut scrape = Self { text: String::new(), series: BTreeMap::new() };
        for url in server.urls() {
            scrape.add(url).await;
        }
        scrape
    }

    async fn add(&mut self, url: &str) {
        let response = client::http().get(format!("{url}/metrics")).send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        let text = response.text().await.expect("text");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
            *self.series.entry(name.to_owned()).or_default() += value;
        }
        self.text.push_str(&text);
    }

    /// A series' value, where there is one.
    pub(crate) fn find(&self, series: &str) -> Option<f64> {
        self.series.get(series).copied()
    }

    #[track_caller]
    fn value(&self, series: &str) -> f64 {
        self.find(series).unwrap_or_else(|| panic!("no {series} in:\n{}", self.text))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
    }

    fn series_of(&self, metric: &str) -> Vec<&str> {
        self.series.keys().map(String::as_str).filter(|series| series.starts_with(metric)).collect()
    }
}

/// Checks by how much series have grown.
#[track_caller]
fn assert_grown(before: &Scrape, after: &Scrape, growth: &[(&str, f64)]) {
    for (series, by) in growth {
        let grown = after.value(series) - before.find(series).unwrap_or_default();
        assert!((grown - by).abs() < 0.5, "{series} grew by {grown}, not {by}:\n{}", after.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_move_by_what_was_done() {
    let server = Server::start_with(&[UNLIMITED, ("REFRESH_REUSE_LEEWAY_SECONDS", "0")]);
    let client = Client::of(&server);
    let before = Scrape::of(&server).await;
    client.register(EMAIL).await.expect(201);
    client.register(EMAIL).await.expect_error(409, "USER_1102");
    client.login(EMAIL, PASSWORD).await.expect_error(403, "USER_1004");
    client.login(EMAIL, "Tr4vel-heavy").await.expect_error(401, "USER_1001");
    client.login("nobody@example.com", PASSWORD).await.expect_error(401, "USER_1001");
    let code = server.mailed_code(EMAIL);
    let wrong = json!({"email": EMAIL, "code": if code == "000000" { "111111" } else { "000000" }});
    client.post("/auth/verify-email", &wrong).await.expect_error(400, "USER_1008");
    client.post("/auth/verify-email", &json!({"email": EMAIL, "code": code})).await.expect(200);
    let tokens = client.login(EMAIL, PASSWORD).await.tokens();
    client.get("/auth/me", &tokens.access).await.expect(200);
    client.get("/auth/me", "made-up").await.expect_error(401, "USER_1006");
    client.refresh(&tokens.refresh).await.expect(200);
    client.refresh(&tokens.refresh).await.expect_error(401, "USER_1204");
    let after = Scrape::of(&server).await;
    assert_grown(
        &before,
        &after,
        &[
            (r#"user_signup_total{status="success"}"#, 1.0),
            (r#"user_signup_total{status="failed"}"#, 1.0),
            (r#"user_login_attempts_total{status="success"}"#, 1.0),
            (r#"user_login_attempts_total{status="failed"}"#, 3.0),
            (r#"user_login_attempts_total{status="rate_limited"}"#, 0.0),
            (r#"user_failed_login_attempts_total{reason="invalid_credentials"}"#, 2.0),
            (r#"user_failed_login_attempts_total{reason="email_not_verified"}"#, 1.0),
            ("user_login_duration_seconds_count", 4.0),
            (r#"user_email_verification_total{status="success"}"#, 1.0),
            (r#"user_email_verification_total{status="failed"}"#, 1.0),
            ("user_token_verification_duration_seconds_count", 2.0),
            (r#"user_suspicious_activity_total{activity_type="refresh_token_reused"}"#, 1.0),
            // One of a registration, for the second found the address taken before, and one of each sign-in.
            ("password_hash_duration_seconds_count", 5.0),
            (r#"http_requests_total{endpoint="/api/v1/auth/login",method="POST",status="401"}"#, 2.0),
            (r#"http_requests_total{endpoint="/api/v1/auth/login",method="POST",status="200"}"#, 1.0),
            (r#"http_request_duration_seconds_count{endpoint="/api/v1/auth/login",method="POST"}"#, 4.0),
            (r#"http_requests_total{endpoint="/metrics",method="GET",status="200"}"#, 1.0),
            ("password_hash_queue_length", 0.0),
        ],
    );
    assert!(after.value("user_database_connections") >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_request_measures_is_measured_too() {
    let server = Server::start_with(&[UNLIMITED]);
    let client = Client::of(&server);
    client.register(EMAIL).await.expect(201);
    server.mailed_code(EMAIL);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let scrape = loop {
        let scrape = Scrape::of(&server).await;
        let is_delivered = scrape.find(r#"subscription_delivered_total{name="mailer"}"#) >= Some(1.0);
        if is_delivered && scrape.find(r#"subscription_lag_events{name="mailer"}"#) == Some(0.0) {
            break scrape;
        }
        assert!(tokio::time::Instant::now() < deadline, "{}", scrape.text);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    assert_eq!(scrape.value(r#"subscription_dead_letters{name="mailer"}"#).to_string(), "0");
    assert_eq!(scrape.value(r#"circuit_breaker_state{dependency="store"}"#).to_string(), "0");
    let info = scrape.series_of("user_service_info");
    assert!(info.len() == 1 && info[0].contains(r#"environment="development""#), "{info:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sessions_and_locks_are_counted() {
    let settings = [UNLIMITED, ("ENABLE_EMAIL_VERIFICATION", "false"), ("MAX_LOGIN_ATTEMPTS", "2")];
    let server = Server::start_with(&settings);
    let client = Client::of(&server);
    let admin = client.admin(&server, "admin@example.com").await;
    let registered = client.register(EMAIL).await;
    let company = json!({"email": "owner@example.com", "password": PASSWORD, "name": "Smith & Sons, Inc."});
    client.post("/auth/register/company", &company).await.expect(201);
    client.login(EMAIL, PASSWORD).await.expect(200);
    let id = registered.expect(201)["id"].as_str().expect("an id");
    client.act(&format!("/users/{id}/deactivate"), &admin.access, &json!({})).await.expect(200);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let scrape = Scrape::of(&server).await;
        let counts =
            ["users_total", "active_users_total", "user_active_sessions"].map(|name| scrape.find(name));
        // The administrator's session is left.
        if counts == [Some(3.0), Some(2.0), Some(1.0)] {
            assert_eq!(scrape.value(r#"user_signup_total{status="success"}"#).to_string(), "2");
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{counts:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let locks = async || Scrape::of(&server).await.value("user_account_lockouts_total").to_string();
    assert_eq!(locks().await, "0");
    // Whether there is such an account or not.
    for (number, email) in ["owner@example.com", "nobody@example.com"].into_iter().enumerate() {
        for _ in 0..2 {
            client.login(email, "Tr4vel-heavy").await.expect_error(401, "USER_1001");
        }
        client.login(email, "Tr4vel-heavy").await.expect_error(423, "USER_1003");
        assert_eq!(locks().await, (number + 1).to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_api_is_counted_under_its_pattern() {
    let server = Server::start_with(&[UNLIMITED]);
    let http = client::http();
    let document: Value = serde_json::from_str(DOCUMENT).expect("JSON");
    let mut expected = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for method in operations.as_object().expect("operations").keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            let url = format!("{}{}", server.url(), filled_in(path));
            let status = http.request(method.clone(), url).send().await.expect("an answer").status().as_u16();
            expected.push(format!(
                r#"http_requests_total{{endpoint="{path}",method="{method}",status="{status}"}}"#
            ));
        }
    }
    for path in ["/openapi.json", "/openapi.yaml", "/docs", "/redoc"] {
        http.get(format!("{}{path}", server.url())).send().await.expect("an answer");
        expected.push(format!(r#"http_requests_total{{endpoint="{path}",method="GET",status="200"}}"#));
    }
    let scrape = Scrape::of(&server).await;
    for series in &expected {
        assert_eq!(scrape.value(series).to_string(), "1", "{series}");
    }
    let unknown = scrape.series_of(r#"http_requests_total{endpoint="unknown""#);
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// A path with something in the place of each parameter.
fn filled_in(pattern: &str) -> String {
    let parts = pattern.split('/').map(|part| if part.starts_with('{') { "made-up" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_paths_and_methods_make_no_labels() {
    let server = Server::start_with(&[UNLIMITED]);
    let http = client::http();
    let ask = async |method: &str, path: &str| {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        http.request(method, format!("{}{path}", server.url())).send().await.expect("an answer")
    };
    ask("GET", "/nothing").await;
    ask("BREW", "/nothing").await;
    ask("BREW", "/api/v1/auth/me").await;
    // Its own series is there the next time, and those of what the store counts when it has counted.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while Scrape::of(&server).await.find("users_total").is_none() {
        assert!(tokio::time::Instant::now() < deadline, "the store has not counted");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let before = Scrape::of(&server).await;
    for number in 0..60 {
        ask("GET", &format!("/nothing/{number}?secret={number}")).await;
        ask("GET", &format!("/%ff{number}")).await;
        ask(&format!("BREW{number}"), &format!("/api/v1/{number}")).await;
        ask(&format!("BREW{number}"), "/api/v1/auth/me").await;
    }
    ask("GET", r#"/"}%0Amade_up{x=""#).await;
    let after = Scrape::of(&server).await;
    let series = |scrape: &Scrape| scrape.series.keys().cloned().collect::<Vec<_>>();
    assert_eq!(series(&after), series(&before));
    let growth = [
        (r#"http_requests_total{endpoint="unknown",method="GET",status="404"}"#, 121.0),
        (r#"http_requests_total{endpoint="unknown",method="OTHER",status="404"}"#, 60.0),
        (r#"http_requests_total{endpoint="/api/v1/auth/me",method="OTHER",status="405"}"#, 60.0),
    ];
    assert_grown(&before, &after, &growth);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_ran_out_of_time_is_counted_under_its_route() {
    let server = Server::start_with(&[UNLIMITED, ("REQUEST_TIMEOUT_SECONDS", "1")]);
    let address = server.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("it accepts");
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 504");
    let scrape = Scrape::of(&server).await;
    let series = r#"http_requests_total{endpoint="/api/v1/auth/login",method="POST",status="504"}"#;
    assert_eq!(scrape.value(series).to_string(), "1");
    let reason = r#"user_failed_login_attempts_total{reason="timeout"}"#;
    assert_eq!(scrape.value(reason).to_string(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_of_people_and_all_that_is_told_is_documented() {
    let server = Server::start_with(&[UNLIMITED]);
    let client = Client::of(&server);
    let tokens = client.signed_in(&server, EMAIL).await;
    let me = client.get("/auth/me", &tokens.access).await;
    let id = me.expect(200)["user"]["id"].as_str().expect("an id");
    let scrape = Scrape::of(&server).await;
    for personal in [EMAIL, "jane", "Jane", id, &tokens.access, &tokens.refresh, "127.0.0.1"] {
        assert!(!scrape.text.contains(personal), "{personal} is in:\n{}", scrape.text);
    }
    for name in scrape.names() {
        assert!(REFERENCE.contains(&format!("| `{name}` |")), "{name} is not in docs/metrics.md");
    }
}
