//! The contract of the `Tokens` port, kept by PASETO.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use portcullis_contract::TokensHarness;
use portcullis_domain::{key_ring::SigningKey, port::Tokens};
use portcullis_paseto::Paseto;

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "portcullis";

/// The contract is exact where an operator allows for clocks that differ.
fn tokens(key: u8, issuer: &str, audience: &str) -> Arc<dyn Tokens> {
    let keys = vec![SigningKey::new(1, [key; 64])];
    let paseto = Paseto::new(keys, issuer, audience).expect("a good key and good names");
    Arc::new(paseto.with_clock_leeway(Duration::ZERO))
}

struct Harness;

#[async_trait]
impl TokensHarness for Harness {
    async fn start() -> Self {
        Self
    }

    fn tokens(&self) -> Arc<dyn Tokens> {
        tokens(1, ISSUER, AUDIENCE)
    }

    fn strangers(&self) -> Vec<(&'static str, Arc<dyn Tokens>)> {
        vec![
            ("another key", tokens(2, ISSUER, AUDIENCE)),
            ("another issuer", tokens(1, "https://other.example.com", AUDIENCE)),
            ("another audience", tokens(1, ISSUER, "other")),
        ]
    }
}

portcullis_contract::tokens_contract!(Harness);
