//! An HTTP client that speaks the service's API in a test's words.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::server::Server;

pub(crate) const PASSWORD: &str = "Tr4vel-light";

/// An answer, read whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

/// A pair of tokens.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    /// Where the service's processes serve the API; they are asked in turns.
    apis: Arc<[String]>,
    next: Arc<AtomicUsize>,
    /// Where each request says that it comes from.
    forwarded_for: Option<String>,
}

impl Answer {
    /// The error code of an answer of this status.
    #[track_caller]
    pub(crate) fn expect_error(&self, status: u16, code: &str) -> &Self {
        assert_eq!((self.status, self.body["error_code"].as_str()), (status, Some(code)), "{:#}", self.body);
        let fields: Vec<_> = self.body.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(fields, ["details", "error_code", "message", "request_id", "timestamp"]);
        assert_eq!(self.body["request_id"].as_str(), self.headers["x-request-id"].to_str().ok());
        self
    }

    /// The body of an answer of this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        &self.body
    }

    /// A header that is a number.
    #[track_caller]
    pub(crate) fn number(&self, header: &str) -> u64 {
        let value = self.headers.get(header).unwrap_or_else(|| panic!("no {header}: {:?}", self.headers));
        value.to_str().expect("a text").parse().expect("a number")
    }

    pub(crate) fn tokens(&self) -> Tokens {
        let body = self.expect(StatusCode::OK.as_u16());
        let text = |name: &str| body[name].as_str().expect("a token").to_owned();
        Tokens { access: text("access_token"), refresh: text("refresh_token") }
    }
}

/// What speaks HTTP. The machine's certificate authorities stay unread: nothing here is TLS, and to read them takes longer than most requests.
pub(crate) fn http_builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder().tls_built_in_root_certs(false)
}

pub(crate) fn http() -> reqwest::Client {
    http_builder().build().expect("a client")
}

impl Client {
    pub(crate) fn of(server: &Server) -> Self {
        Self::of_all(server.urls())
    }

    pub(crate) fn at(url: &str) -> Self {
        Self::of_all([url])
    }

    fn of_all<'a>(urls: impl IntoIterator<Item = &'a str>) -> Self {
        let apis = urls.into_iter().map(|url| format!("{url}/api/v1")).collect();
        Self { http: http(), apis, next: Arc::default(), forwarded_for: None }
    }

    /// One whose requests come from another address, where the service believes this machine's proxies.
    pub(crate) fn at_address(&self, address: &str) -> Self {
        Self { forwarded_for: Some(address.to_owned()), ..self.clone() }
    }

    /// A request to a path under `/api/v1`.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.apis.len();
        let request = self.http.request(method, format!("{}{path}", self.apis[turn]));
        match &self.forwarded_for {
            Some(address) => request.header("X-Forwarded-For", address),
            None => request,
        }
    }

    /// Sends a request, whatever comes of it.
    pub(crate) async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?;
        Ok(Answer { status, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
    }

    /// Sends a request whose answer has no end where it is a good one: of that there is the head alone.
    pub(crate) async fn begin(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = if status == 200 { Value::Null } else { response.json().await.expect("JSON") };
        Answer { status, headers, body }
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.expect("an answer")
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn get(&self, path: &str, access: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(access)).await
    }

    pub(crate) async fn put(&self, path: &str, access: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PUT, path).bearer_auth(access).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str, access: &str) -> Answer {
        self.send(self.request(Method::DELETE, path).bearer_auth(access)).await
    }

    /// A POST with a token.
    pub(crate) async fn act(&self, path: &str, access: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).bearer_auth(access).json(body)).await
    }

    /// Makes an administrator by the command line, and signs them in.
    pub(crate) async fn admin(&self, server: &Server, email: &str) -> Tokens {
        server.make_admin(email);
        self.login(email, PASSWORD).await.tokens()
    }

    pub(crate) async fn register(&self, email: &str) -> Answer {
        self.post("/auth/register", &json!({"email": email, "password": PASSWORD, "name": "Jane Doe"})).await
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> Answer {
        self.post("/auth/login", &json!({"email": email, "password": password})).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.post("/auth/refresh", &json!({"refresh_token": token})).await
    }

    pub(crate) async fn logout(&self, access: &str) -> Answer {
        self.send(self.request(Method::POST, "/auth/logout").bearer_auth(access)).await
    }

    /// Registers, verifies and signs a person in.
    pub(crate) async fn signed_in(&self, server: &Server, email: &str) -> Tokens {
        self.register(email).await.expect(201);
        let code = server.mailed_code(email);
        self.post("/auth/verify-email", &json!({"email": email, "code": code})).await.expect(200);
        self.login(email, PASSWORD).await.tokens()
    }
}
