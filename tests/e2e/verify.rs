//! Another service, which checks the tokens by itself: the example of `portcullis-verify`, beside the service that issues them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use portcullis_verify::{Format, Verifier};
use tokio::task::JoinHandle;

use crate::{
    client::{self, Client, PASSWORD},
    keys::kid,
    server::{PATIENCE, Server},
    walkthrough::{readme_lines, run},
};

#[expect(dead_code, reason = "its main listens on one port, which tests cannot share")]
#[path = "../../crates/verify/examples/service.rs"]
mod example;

const EMAIL: &str = "jane@example.com";
const UNVERIFIED: (&str, &str) = ("ENABLE_EMAIL_VERIFICATION", "false");
const MANY_SESSIONS: (&str, &str) = ("MAX_SESSIONS_PER_USER", "200");
const FORMATS: [(Format, &str, &str); 3] = [
    (Format::Paseto, "paseto", "EdDSA"),
    (Format::JwtEdDsa, "jwt", "EdDSA"),
    (Format::JwtEs256, "jwt", "ES256"),
];

/// The example service, listening.
#[derive(Clone)]
struct Orders {
    url: String,
    http: reqwest::Client,
}

impl Orders {
    /// As its users would set it up: with the service's address, issuer and format.
    async fn start(server: &Server, format: Format) -> Self {
        let verifier = Verifier::builder(server.url()).issuer("e2e").formats([format]).build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let service = example::service(verifier.expect("a verifier"));
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { url, http: client::http() }
    }

    /// The status, what `WWW-Authenticate` says, and the body.
    async fn get(&self, path: &str, token: Option<&str>) -> (u16, String, String) {
        let request = self.http.get(format!("{}{path}", self.url));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.expect("an answer");
        let challenge = response.headers().get("www-authenticate");
        let challenge = challenge.map(|text| text.to_str().expect("a text").to_owned()).unwrap_or_default();
        (response.status().as_u16(), challenge, response.text().await.expect("a body"))
    }
}

fn settings(format: &'static str, algorithm: &'static str) -> [(&'static str, &'static str); 4] {
    [UNVERIFIED, MANY_SESSIONS, ("TOKEN_FORMAT", format), ("JWT_ALGORITHM", algorithm)]
}

#[tokio::test(flavor = "multi_thread")]
async fn another_service_takes_good_tokens_and_refuses_bad_ones_in_every_format() {
    for (format, name, algorithm) in FORMATS {
        let server = Server::start_with(&settings(name, algorithm));
        let (client, orders) = (Client::of(&server), Orders::start(&server, format).await);
        let id = client.register(EMAIL).await.expect(201)["id"].as_str().expect("an id").to_owned();
        let tokens = client.login(EMAIL, PASSWORD).await.tokens();
        let admin = client.admin(&server, "ada@example.com").await;

        let taken = orders.get("/orders", Some(&tokens.access)).await;
        assert_eq!(taken, (200, String::new(), format!("the orders of {id}\n")), "{name} {algorithm}");
        assert_eq!(orders.get("/orders/all", Some(&admin.access)).await.0, 200);
        let (status, challenge, _) = orders.get("/orders/all", Some(&tokens.access)).await;
        assert_eq!(
            (status, challenge.as_str()),
            (403, r#"Bearer error="insufficient_scope", scope="user:read""#)
        );
        assert_eq!(orders.get("/orders", None).await, (401, "Bearer".to_owned(), String::new()));

        let stranger = Server::start_with(&settings(name, algorithm));
        let strange = Client::of(&stranger);
        strange.register(EMAIL).await.expect(201);
        let strange = strange.login(EMAIL, PASSWORD).await.tokens();
        let cut = &tokens.access[..tokens.access.len() - 4];
        for bad in [strange.access.as_str(), tokens.refresh.as_str(), cut, "nonsense"] {
            let (status, challenge, _) = orders.get("/orders", Some(bad)).await;
            assert_eq!(status, 401, "{bad}");
            assert!(challenge.starts_with(r#"Bearer error="invalid_token""#), "{challenge}");
        }
        // What only the service knows.
        client.logout(&tokens.access).await.expect(200);
        assert_eq!(orders.get("/orders", Some(&tokens.access)).await.0, 200);
    }
}

/// Signs in and calls the other service with the new token and with the first, over and over; says which keys signed.
async fn customer(
    client: Client,
    orders: Orders,
    ended: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
) -> Vec<String> {
    let mut kids = Vec::new();
    let mut first = None;
    while !ended.load(Ordering::Acquire) {
        let token = client.login(EMAIL, PASSWORD).await.tokens().access;
        let first = first.get_or_insert_with(|| token.clone());
        for token in [&token, &*first] {
            let (status, challenge, _) = orders.get("/orders", Some(token)).await;
            assert_eq!(status, 200, "a good token is refused: {challenge}; keys so far {kids:?}");
            calls.fetch_add(1, Ordering::Relaxed);
        }
        if !kids.contains(&kid(&token)) {
            kids.push(kid(&token));
        }
    }
    kids
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_under_another_service_and_not_one_good_token_is_refused() {
    for (format, name, algorithm) in [FORMATS[0], FORMATS[2]] {
        let server = Server::start_with(&settings(name, algorithm));
        let (client, orders) = (Client::of(&server), Orders::start(&server, format).await);
        client.register(EMAIL).await.expect(201);
        let (ended, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let customers: Vec<_> = (0..4)
            .map(|_| tokio::spawn(customer(client.clone(), orders.clone(), ended.clone(), calls.clone())))
            .collect();
        let mut signing = kid(&client.login(EMAIL, PASSWORD).await.tokens().access);
        // At once one after the other, too: then the key that signs was never published ahead.
        for rotations in [1, 3, 2] {
            for _ in 0..rotations {
                let rotated = server.command(&["keys", "rotate"]).output().expect("it runs");
                assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
            }
            let deadline = Instant::now() + PATIENCE;
            let before = signing.clone();
            while signing == before {
                assert!(Instant::now() < deadline, "the service does not notice the rotation");
                tokio::time::sleep(Duration::from_millis(100)).await;
                signing = kid(&client.login(EMAIL, PASSWORD).await.tokens().access);
            }
            let enough = calls.load(Ordering::Relaxed) + 20;
            while calls.load(Ordering::Relaxed) < enough && !customers.iter().all(JoinHandle::is_finished) {
                assert!(Instant::now() < deadline, "nobody calls");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        ended.store(true, Ordering::Release);
        for customer in customers {
            let kids = customer.await.expect("every good token is taken");
            assert!(kids.len() >= 3, "{name}: {kids:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_lines_for_another_service_run_as_they_stand() {
    let server = Server::start_with(&[UNVERIFIED]);
    let (client, orders) = (Client::of(&server), Orders::start(&server, Format::Paseto).await);
    client.register(EMAIL).await.expect(201);
    let access = client.login(EMAIL, PASSWORD).await.tokens().access;
    let lines = readme_lines("verify");
    let lines = format!("access={access}\n{}", lines.replace("http://127.0.0.1:8001", &orders.url));
    let printed = run(&lines, server.folder());
    let statuses = printed.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")?.split(' ').next());
    assert_eq!(statuses.collect::<Vec<_>>(), ["200", "403", "401"], "{printed}");
}
