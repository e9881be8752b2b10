//! The contract of the `Tokens` port, kept by JWT with either algorithm.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::DateTime;
use portcullis_contract::TokensHarness;
use portcullis_domain::{
    key_ring::{KeyRing, Lifetimes, SigningKey},
    port::Tokens,
};
use portcullis_jwt::{Algorithm, Jwt};
use portcullis_memory::OpaqueTokens;

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "portcullis";

/// The contract is exact where an operator allows for clocks that differ. Refresh tokens are somebody else's.
fn tokens(algorithm: Algorithm, key: u8, issuer: &str, audience: &str) -> Arc<dyn Tokens> {
    let keys = [(SigningKey::new(1, [key; 64]), DateTime::UNIX_EPOCH)];
    let lifetimes = Lifetimes { access: Duration::from_secs(1800), refresh: Duration::from_secs(3600) };
    let ring = KeyRing::new(keys, lifetimes);
    let jwt = Jwt::new(&ring, algorithm, issuer, audience, Arc::new(OpaqueTokens::new()));
    Arc::new(jwt.expect("a good key and good names").with_clock_leeway(Duration::ZERO))
}

fn strangers(algorithm: Algorithm, other: Algorithm) -> Vec<(&'static str, Arc<dyn Tokens>)> {
    vec![
        ("another key", tokens(algorithm, 2, ISSUER, AUDIENCE)),
        ("another issuer", tokens(algorithm, 1, "https://other.example.com", AUDIENCE)),
        ("another audience", tokens(algorithm, 1, ISSUER, "other")),
        ("another algorithm", tokens(other, 1, ISSUER, AUDIENCE)),
        ("another format", Arc::new(OpaqueTokens::new())),
    ]
}

mod ed_dsa {
    use super::*;

    struct Harness;

    #[async_trait]
    impl TokensHarness for Harness {
        async fn start() -> Self {
            Self
        }

        fn tokens(&self) -> Arc<dyn Tokens> {
            tokens(Algorithm::EdDsa, 1, ISSUER, AUDIENCE)
        }

        fn strangers(&self) -> Vec<(&'static str, Arc<dyn Tokens>)> {
            strangers(Algorithm::EdDsa, Algorithm::Es256)
        }
    }

    portcullis_contract::tokens_contract!(Harness);
}

mod es256 {
    use super::*;

    struct Harness;

    #[async_trait]
    impl TokensHarness for Harness {
        async fn start() -> Self {
            Self
        }

        fn tokens(&self) -> Arc<dyn Tokens> {
            tokens(Algorithm::Es256, 1, ISSUER, AUDIENCE)
        }

        fn strangers(&self) -> Vec<(&'static str, Arc<dyn Tokens>)> {
            strangers(Algorithm::Es256, Algorithm::EdDsa)
        }
    }

    portcullis_contract::tokens_contract!(Harness);
}
