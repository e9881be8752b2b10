use std::{path::PathBuf, sync::Mutex};

use async_trait::async_trait;
use poem::{
    Endpoint,
    http::{Method, StatusCode},
};
use portcullis_domain::{Identity, Policy, port::StoreError};
use portcullis_memory::LocalRateLimiter;
use serde_json::Value;

use super::*;
use crate::{
    http::{self, Authority, Gate},
    live::{self, Hub},
    mail::MailCopies,
    metric::Metrics,
    token::RingTokens,
};

/// A limiter that notes what it was asked.
struct Noting {
    inner: LocalRateLimiter,
    asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl RateLimiter for Noting {
    async fn take(&self, key: &str, quota: Quota) -> Result<RateVerdict, StoreError> {
        self.asked.lock().expect("whole").push(key.to_owned());
        self.inner.take(key, quota).await
    }
}

/// The whole API on an empty store, with limits of 2, 1 and 3.
struct Api {
    endpoint: poem::endpoint::BoxEndpoint<'static, Response>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Api {
    fn new() -> Self {
        let asked = Arc::default();
        let limiter = Arc::new(Noting { inner: LocalRateLimiter::new(), asked: Arc::clone(&asked) });
        let [others, sign_ins, registrations] =
            [3, 2, 1].map(|limit| NonZeroU32::new(limit).expect("above zero"));
        let gate = Gate {
            trusted_proxies: Vec::new(),
            limits: Some(Limits { limiter, sign_ins, registrations, others }),
            timeout: MINUTE,
        };
        let identity = Identity::new(portcullis_memory::ports(), Policy::default());
        let copies = MailCopies { folder: PathBuf::new() };
        let authority = Authority { issuer: "tests".to_owned(), audience: "tests".to_owned() };
        let (metrics, tokens) = (Metrics::new(), RingTokens::of_memory());
        let hub = Hub::new(identity.clone(), http::render, live::Limits::new(1, 1), metrics.live.clone());
        let beside = http::Beside { dependencies: Arc::new([]), hub, tokens, copies, authority };
        Self { endpoint: http::endpoint(identity, beside, metrics, gate, None), asked }
    }

    async fn send(&self, method: Method, path: &str) -> Response {
        let request = Request::builder().method(method).uri_str(path);
        self.endpoint.get_response(request.content_type("application/json").body("{}")).await
    }

    async fn post(&self, path: &str) -> Response {
        self.send(Method::POST, path).await
    }

    /// What was counted since the last time.
    fn counted(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("whole"))
    }
}

fn number(response: &Response, name: &str) -> u64 {
    response.header(name).unwrap_or_else(|| panic!("no {name}")).parse().expect("a number")
}

/// Every operation of the API: its method, its path, and whether its description says that it may be one too many.
fn operations() -> Vec<(String, String, bool)> {
    let document: Value = serde_json::from_str(&http::openapi_json()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths").iter();
    let operations = paths.flat_map(|(path, operations)| {
        let operations = operations.as_object().expect("operations").iter();
        operations.map(|(method, operation)| {
            (method.to_uppercase(), path.clone(), operation["responses"]["429"].is_object())
        })
    });
    operations.collect()
}

/// A route that no line of the table fits would be limited by nobody's decision.
#[test]
fn every_route_is_in_the_table() {
    for (method, path, _) in operations() {
        let is_fitted = TABLE.iter().any(|(of, pattern, _)| {
            (*of == "*" || *of == method)
                && pattern.strip_suffix('*').map_or(path == *pattern, |start| path.starts_with(start))
        });
        assert!(is_fitted, "{method} {path} is in no line of the table of limits");
    }
}

#[test]
fn what_is_limited_says_so_in_the_document_and_what_is_not_does_not() {
    for (method, path, says_so) in operations() {
        assert_eq!(class(&method, &path).is_some(), says_so, "{method} {path}");
    }
}

#[test]
fn signing_in_and_registering_are_limited_more_and_monitors_not_at_all() {
    for (method, path, expected) in [
        ("POST", "/api/v1/auth/login", Some(Class::SignIn)),
        ("GET", "/api/v1/auth/login", Some(Class::Ordinary)),
        ("POST", "/api/v1/auth/register", Some(Class::Registration)),
        ("POST", "/api/v1/auth/register/company", Some(Class::Registration)),
        ("POST", "/api/v1/auth/register/user", Some(Class::Registration)),
        ("POST", "/api/v1/auth/registered", Some(Class::Ordinary)),
        ("GET", "/api/v1/users/me", Some(Class::Ordinary)),
        ("GET", "/api/v1/nothing", Some(Class::Ordinary)),
        ("BREW", "/api/", Some(Class::Ordinary)),
        ("GET", "/api/v1/auth/health", None),
        ("POST", "/api/v1/auth/health", Some(Class::Ordinary)),
        ("GET", "/health/liveness", None),
        ("GET", "/health/readiness", None),
        ("GET", "/metrics", None),
        ("GET", "/openapi.json", None),
        ("GET", "/docs", None),
        ("GET", "/.well-known/jwks.json", None),
        ("GET", "/", None),
    ] {
        assert_eq!(class(method, path), expected, "{method} {path}");
    }
}

#[test]
fn a_network_of_the_new_family_counts_as_one_client() {
    let key = |address: &str| key(Class::SignIn, ClientAddress(Some(address.parse().expect("an address"))));
    assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff:ffff:ffff:ffff"));
    assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
    assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    assert_eq!(key("2001:db8:1:2::1"), "SignIn:2001:db8:1:2::/64");
}

#[tokio::test]
async fn one_too_many_is_refused_and_says_until_when() {
    let api = Api::new();
    for left in [1, 0] {
        let answer = api.post("/api/v1/auth/login").await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "it is allowed, though it is wrong");
        assert_eq!((number(&answer, "RateLimit-Limit"), number(&answer, "RateLimit-Remaining")), (2, left));
        assert_eq!(number(&answer, "RateLimit-Reset"), 30 * (2 - left));
        assert_eq!(answer.header("Retry-After"), None);
    }
    let refused = api.post("/api/v1/auth/login").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!((number(&refused, "RateLimit-Limit"), number(&refused, "RateLimit-Remaining")), (2, 0));
    assert_eq!((number(&refused, "RateLimit-Reset"), number(&refused, "Retry-After")), (60, 30));
    let body: Value = refused.into_body().into_json().await.expect("JSON");
    assert_eq!(body["error_code"], "COMMON_9002");
}

#[tokio::test]
async fn classes_do_not_influence_each_other() {
    let api = Api::new();
    let spend = async |path: &str| {
        let mut allowed = 0;
        while api.post(path).await.status() != StatusCode::TOO_MANY_REQUESTS {
            allowed += 1;
        }
        allowed
    };
    assert_eq!(spend("/api/v1/auth/login").await, 2);
    assert_eq!(spend("/api/v1/auth/register").await, 1);
    assert_eq!(spend("/api/v1/auth/refresh").await, 3);
    assert_eq!(spend("/api/v1/nothing").await, 0, "it counts with everything else");
}

#[tokio::test]
async fn what_is_not_limited_is_not_counted_and_says_nothing() {
    let api = Api::new();
    for path in ["/health/liveness", "/openapi.json", "/docs", "/api/v1/auth/health", "/nothing", "/metrics"]
    {
        for _ in 0..5 {
            let answer = api.send(Method::GET, path).await;
            assert_ne!(answer.status(), StatusCode::TOO_MANY_REQUESTS, "{path}");
            assert_eq!(answer.header("RateLimit-Limit"), None, "{path}");
        }
    }
    assert_eq!(api.counted(), [""; 0]);
}

/// Or whoever spells it otherwise would sign in by another class's limit.
#[tokio::test]
async fn the_router_knows_no_other_spelling_of_a_limited_path() {
    for path in [
        "/api/v1/auth/login/",
        "//api/v1/auth/login",
        "/api//v1/auth/login",
        "/api/v1/auth/%6cogin",
        "/api/v1/auth/%6Cogin",
        "/api/v1/auth%2Flogin",
        "/%61pi/v1/auth/login",
        "/api/v1/auth/LOGIN",
        "/api/v1/./auth/login",
        "/api/v1/x/../auth/login",
        "/x/../api/v1/auth/login",
        "/health/../api/v1/auth/login",
        "/api/v1/auth/login;x",
        "/api/v1/auth/login%00",
        "/api/v1/auth/login%20",
        "/api/v1/auth/register/",
        "/api/v1/auth/%72egister",
    ] {
        assert_eq!(Api::new().post(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let api = Api::new();
    api.post("/api/v1/auth/login?x=/health/").await;
    assert_eq!(api.counted(), ["SignIn:nowhere"]);
}
