//! A stand-in for the service: it publishes the keys of a ring as the service does, and counts who asks.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use chrono::{DateTime, TimeDelta, Utc};
use portcullis_domain::{
    caller::Role,
    id::{CompanyId, SessionId, TokenId, UserId},
    key_ring::{KeyRing, Lifetimes, SigningKey},
    port::{AccessClaims, Tokens},
};
use portcullis_jwt::{Algorithm, Jwt};
use portcullis_memory::OpaqueTokens;
use portcullis_paseto::Paseto;
use portcullis_verify::{Builder, Format, Verifier};
use uuid::Uuid;

pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const AUDIENCE: &str = "orders";
pub(crate) const FORMATS: [Format; 3] = [Format::Paseto, Format::JwtEdDsa, Format::JwtEs256];

/// The service: its keys, and what it answers.
#[derive(Clone)]
pub(crate) struct Service {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<Published>,
    asked: AtomicUsize,
}

/// What is published, and how.
#[derive(Clone)]
pub(crate) struct Published {
    /// Epochs of the keys.
    pub(crate) epochs: Vec<u32>,
    pub(crate) cache_control: &'static str,
    pub(crate) status: StatusCode,
    /// In place of the keys.
    pub(crate) body: Option<String>,
    /// How long an answer takes.
    pub(crate) takes: Duration,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let state = Published {
            epochs: vec![1, 2],
            cache_control: "public, max-age=300",
            status: StatusCode::OK,
            body: None,
            takes: Duration::ZERO,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), asked: AtomicUsize::new(0) });
        let routes = Router::new()
            .route("/api/v1/auth/keys", get(paserk))
            .route("/.well-known/jwks.json", get(jwks))
            .with_state(shared.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn published(&self) -> MutexGuard<'_, Published> {
        self.shared.state.lock().expect("not poisoned")
    }

    /// How often keys were asked for.
    pub(crate) fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn builder(&self, format: Format) -> Builder {
        Verifier::builder(self.url()).issuer(ISSUER).audience(AUDIENCE).formats([format])
    }

    pub(crate) fn verifier(&self, format: Format) -> Verifier {
        self.builder(format).build().expect("a verifier")
    }
}

async fn paserk(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let paseto = |ring: &KeyRing| Paseto::new(ring, ISSUER, AUDIENCE).expect("good keys");
    let keys = |ring: &KeyRing| {
        let keys = paseto(ring).public_keys().into_iter().map(|key| {
            serde_json::json!({
                "id": key.id, "paserk": key.paserk, "status": key.state.as_str(), "not_after": key.not_after
            })
        });
        keys.collect()
    };
    answer(&shared, &headers, keys).await
}

async fn jwks(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let keys = |ring: &KeyRing| {
        let rsa = serde_json::json!({"kty": "RSA", "kid": "1", "alg": "RS256", "n": "AQAB", "e": "AQAB"});
        let keys = [Algorithm::EdDsa, Algorithm::Es256].into_iter().flat_map(|algorithm| {
            let keys = jwt(ring, algorithm).public_keys().into_iter();
            keys.map(|key| {
                let mut jwk = serde_json::json!({
                    "kid": key.kid, "alg": key.algorithm.as_str(), "x": key.x, "use": "sig", "kty": "OKP", "crv": "Ed25519"
                });
                if let Some(y) = key.y {
                    (jwk["kty"], jwk["crv"], jwk["y"]) = ("EC".into(), "P-256".into(), y.into());
                }
                jwk
            })
        });
        // A kind that nobody here knows.
        std::iter::once(rsa).chain(keys).collect()
    };
    answer(&shared, &headers, keys).await
}

async fn answer(
    shared: &Shared,
    headers: &HeaderMap,
    keys: impl Fn(&KeyRing) -> Vec<serde_json::Value>,
) -> Response {
    shared.asked.fetch_add(1, Ordering::SeqCst);
    let state = shared.state.lock().expect("not poisoned").clone();
    tokio::time::sleep(state.takes).await;
    let tag = format!("\"{:?}\"", state.epochs);
    let cached = [("cache-control", state.cache_control.to_owned()), ("etag", tag.clone())];
    let is_whole = state.status == StatusCode::OK && state.body.is_none();
    if is_whole && headers.get("if-none-match").is_some_and(|known| *known == *tag) {
        return (StatusCode::NOT_MODIFIED, cached).into_response();
    }
    let keys = serde_json::json!({"keys": keys(&ring(&state.epochs))}).to_string();
    (state.status, cached, state.body.unwrap_or(keys)).into_response()
}

fn ring(epochs: &[u32]) -> KeyRing {
    let lifetimes = Lifetimes { access: Duration::from_secs(1800), refresh: Duration::from_secs(3600) };
    // Made just now: none of them is over.
    KeyRing::new(epochs.iter().map(|epoch| (signing_key(*epoch), now())), lifetimes)
}

fn signing_key(epoch: u32) -> SigningKey {
    SigningKey::new(epoch, [u8::try_from(epoch).expect("a small epoch"); 64])
}

fn jwt(ring: &KeyRing, algorithm: Algorithm) -> Jwt {
    Jwt::new(ring, algorithm, ISSUER, AUDIENCE, Arc::new(OpaqueTokens::new())).expect("good keys")
}

/// What issues tokens with the key of an epoch.
pub(crate) fn issuer(format: Format, epoch: u32) -> Arc<dyn Tokens> {
    let ring = ring(&[epoch]);
    match format {
        Format::Paseto => Arc::new(Paseto::new(&ring, ISSUER, AUDIENCE).expect("good keys")),
        Format::JwtEdDsa => Arc::new(jwt(&ring, Algorithm::EdDsa)),
        Format::JwtEs256 => Arc::new(jwt(&ring, Algorithm::Es256)),
    }
}

/// A token that the key of an epoch has signed.
pub(crate) fn token(format: Format, epoch: u32, claims: &AccessClaims) -> String {
    issuer(format, epoch).issue_access(claims).expose().to_owned()
}

pub(crate) fn good(format: Format, epoch: u32) -> String {
    token(format, epoch, &claims(Role::User))
}

pub(crate) fn claims(role: Role) -> AccessClaims {
    let issued_at = DateTime::from_timestamp(now().timestamp() - 60, 0).expect("a time");
    AccessClaims {
        token: TokenId::new(Uuid::from_u128(1)),
        user: UserId::new(Uuid::from_u128(2)),
        session: SessionId::new(Uuid::from_u128(3)),
        company: Some(CompanyId::new(Uuid::from_u128(4))),
        role,
        permissions: role.permissions().to_vec(),
        issued_at,
        expires_at: issued_at + TimeDelta::minutes(30),
    }
}

#[expect(clippy::disallowed_methods, reason = "tests of what runs by the real clock")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}
