//! What is no request of this API, or no request at all.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time,
};

use super::Target;
use crate::{
    client::Client,
    server::{PATIENCE, Server},
};

/// An answer as it came off the wire.
struct Raw {
    head: String,
    body: Value,
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.url().trim_start_matches("http://")).await.expect("it accepts")
}

/// Sends bytes and reads until the service has said everything; empty where it hung up.
async fn exchange(server: &Server, bytes: &[u8]) -> String {
    let mut stream = connect(server).await;
    // It may hang up in the middle, which is an answer.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read =
        time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("it hangs up or answers");
    if read.is_err() && answer.is_empty() {
        return String::new();
    }
    String::from_utf8_lossy(&answer).into_owned()
}

async fn ask(server: &Server, bytes: &[u8]) -> Raw {
    let text = exchange(server, bytes).await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    Raw { head: head.to_owned(), body: serde_json::from_str(body).unwrap_or_default() }
}

impl Raw {
    fn status(&self) -> Option<u16> {
        self.head.split(' ').nth(1)?.parse().ok()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    #[track_caller]
    fn expect(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status(), self.body["error_code"].as_str()),
            (Some(status), Some(code)),
            "{}",
            self.head
        );
        assert_eq!(self.header("x-request-id"), self.body["request_id"].as_str());
    }
}

fn request(method: &str, path: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_path_is_not_found_however_it_is_written() {
    let target = Target::start().await;
    let long = format!("/{}", "x".repeat(60_000));
    for path in [
        "/",
        "//",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v1/auth",
        "/api/v1/auth/register/x",
        "/api/v1/auth//me",
        "/API/V1/AUTH/ME",
        "/api/v2/auth/me",
        "/%00",
        "/%",
        "/%zz",
        "/%ff%fe",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/../../etc/passwd",
        "/api/v1/auth/me%00",
        "/api/v1/auth/me;x=1",
        "/*",
        "/{id}",
        "/:id",
        "/api/v1/nobody/%27%20OR%201=1",
        "/?",
        "/favicon.ico",
        "/.env",
        &long,
    ] {
        ask(&target.server, &request("GET", path)).await.expect(404, "COMMON_9003");
    }
    target.expect_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_a_path_does_not_know_is_not_allowed_and_the_answer_says_which_are() {
    let target = Target::start().await;
    for route in &target.routes {
        let known: Vec<_> = target
            .routes
            .iter()
            .filter(|other| other.path == route.path)
            .map(|other| other.method.as_str())
            .collect();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "FOO", "get"]
        {
            if known.contains(&method) {
                continue;
            }
            let answer = ask(&target.server, &request(method, &route.path)).await;
            answer.expect(405, "COMMON_9004");
            let allowed =
                answer.header("allow").unwrap_or_else(|| panic!("{method} {}: no Allow", route.path));
            let mut allowed: Vec<_> = allowed.split(", ").filter(|method| *method != "HEAD").collect();
            let mut known = known.clone();
            allowed.sort_unstable();
            known.sort_unstable();
            assert_eq!(allowed, known, "{method} {}", route.path);
        }
    }
    target.expect_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_like_get_without_the_body() {
    let target = Target::start().await;
    let mut paths = vec!["/openapi.json", "/openapi.yaml", "/docs", "/redoc"];
    paths.extend(target.routes.iter().filter(|route| route.method == "GET").map(|route| &*route.path));
    for path in paths {
        let get = ask(&target.server, &request("GET", path)).await;
        let head = ask(&target.server, &request("HEAD", path)).await;
        assert_eq!(head.status(), get.status(), "{path}");
        assert_eq!(head.body, Value::Null, "{path}");
    }
    target.expect_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_refused_or_hung_up_on() {
    let target = Target::start().await;
    let many_headers = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Y: z\r\n".repeat(5_000));
    let long_header = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Y: {}\r\n\r\n", "z".repeat(1 << 20));
    let long_path = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "z".repeat(1 << 20));
    let junk: Vec<u8> =
        (0..4_096_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let cases: [&[u8]; 24] = [
        b"", b"\r\n\r\n\r\n", b"\0\0\0\0", b"hello\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / FTP/1.1\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n", b"G\x01T / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n", b"GET / HTTP/1.1\r\n: x\r\n\r\n", b"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\r\n  folded\r\n\r\n", b"EHLO example.com\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}",
        many_headers.as_bytes(), long_header.as_bytes(), long_path.as_bytes(), &junk,
    ];
    // All at once: what could still become a request is waited for.
    let target = Arc::new(target);
    let mut exchanges = JoinSet::new();
    for bytes in cases {
        let (target, bytes) = (Arc::clone(&target), bytes.to_vec());
        exchanges.spawn(async move { (exchange(&target.server, &bytes).await, bytes) });
    }
    while let Some(ended) = exchanges.join_next().await {
        let (answer, bytes) = ended.expect("it ends");
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        let is_refused = answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.0 4");
        assert!(answer.is_empty() || is_refused, "{shown:?}: {answer:.300}");
    }
    target.expect_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_but_legal_requests_are_answered() {
    let target = Target::start().await;
    let server = &target.server;
    let old = ask(server, b"GET /health/liveness HTTP/1.0\r\n\r\n").await;
    assert_eq!((old.status(), &old.body["status"]), (Some(200), &Value::from("up")));
    let absolute = ask(
        server,
        b"GET http://elsewhere.example/health/liveness HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(absolute.await.status(), Some(200));
    ask(server, b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .expect(404, "COMMON_9003");

    let pipelined = [request("GET", "/health/liveness"), request("GET", "/nowhere")].concat();
    let pipelined = String::from_utf8(pipelined).expect("text").replacen("Connection: close\r\n", "", 1);
    let answers = exchange(server, pipelined.as_bytes()).await;
    let statuses: Vec<_> =
        answers.match_indices("HTTP/1.1 ").map(|(at, _)| &answers[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "404"], "{answers}");

    let chunked = |chunk: &str, times: usize| {
        let head = "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
            Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}{}0\r\n\r\n", format!("{:x}\r\n{chunk}\r\n", chunk.len()).repeat(times)).into_bytes()
    };
    let body = r#"{"email":"jane@example.com","password":"wrong"}"#;
    ask(server, &chunked(body, 1)).await.expect(401, "USER_1001");
    ask(server, &chunked(&" ".repeat(1 << 16), 32)).await.expect(413, "COMMON_9005");
    ask(server, &chunked("{", 10)).await.expect(400, "COMMON_9001");
    target.expect_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_in_the_middle_costs_nobody_else_anything() {
    let target = Target::start().await;
    let login = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"email\":";
    for length in (0..=login.len()).step_by(7) {
        let mut stream = connect(&target.server).await;
        stream.write_all(&login[..length]).await.expect("it listens");
    }
    target.expect_well().await;
}

/// Reads until the service hangs up, while `every` is sent each 500 ms; how long that took.
async fn trickle(server: &Server, first: &[u8], every: &[u8]) -> (Duration, String) {
    let mut stream = connect(server).await;
    let started = Instant::now();
    stream.write_all(first).await.expect("it listens");
    let (mut reader, mut writer) = stream.into_split();
    let every = every.to_vec();
    let writing = tokio::spawn(async move {
        while !every.is_empty() && writer.write_all(&every).await.is_ok() {
            time::sleep(Duration::from_millis(500)).await;
        }
        // Kept open: a client that has nothing more to say has not gone.
        time::sleep(PATIENCE).await;
    });
    let mut answer = Vec::new();
    let _ = time::timeout(PATIENCE, reader.read_to_end(&mut answer)).await.expect("it hangs up");
    writing.abort();
    (started.elapsed(), String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_slow_over_headers_or_says_nothing_is_hung_up_on_after_ten_seconds() {
    let target = Target::start().await;
    let server = &target.server;
    let (slow, silent, idle) = tokio::join!(
        trickle(server, b"GET /health/liveness HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"z"),
        trickle(server, b"", b""),
        trickle(server, b"GET /health/liveness HTTP/1.1\r\nHost: x\r\n\r\n", b""),
    );
    for (took, _) in [&slow, &silent, &idle] {
        assert!((9..20).contains(&took.as_secs()), "{took:?}");
    }
    assert!(idle.1.starts_with("HTTP/1.1 200"), "{}", idle.1);
    target.expect_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_slow_over_the_body_is_told_when_the_request_times_out() {
    let server = Server::start_with(&[("REQUEST_TIMEOUT_SECONDS", "1")]);
    let head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
        Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n";
    let (took, answer) = trickle(&server, head, b" ").await;
    assert!(answer.starts_with("HTTP/1.1 504") && answer.contains("COMMON_9007"), "{answer}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    Client::of(&server).login("jane@example.com", "x").await.expect_error(401, "USER_1001");
    assert!(!server.log().contains("panic"));
}
