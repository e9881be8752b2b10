//! The contracts of tokens and of the keys of checkpoints, kept by PASETO and its keys.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::DateTime;
use portcullis_contract::{CheckpointKeysHarness, TokensHarness};
use portcullis_domain::{
    key_ring::{KeyRing, Lifetimes, SigningKey},
    port::{CheckpointSigner, CheckpointVerifier, PublicKey, Tokens},
};
use portcullis_paseto::{CheckpointKeys, Paseto, PublicCheckpointKeys};

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "portcullis";

/// The contract is exact where an operator allows for clocks that differ.
fn tokens(key: u8, issuer: &str, audience: &str) -> Arc<dyn Tokens> {
    let keys = [(SigningKey::new(1, [key; 64]), DateTime::UNIX_EPOCH)];
    let lifetimes = Lifetimes { access: Duration::from_secs(1800), refresh: Duration::from_secs(3600) };
    let paseto =
        Paseto::new(&KeyRing::new(keys, lifetimes), issuer, audience).expect("a good key and good names");
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

struct Keys(Arc<CheckpointKeys>);

impl CheckpointKeysHarness for Keys {
    fn start() -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(100);
        let key = SigningKey::new(1, [NEXT.fetch_add(1, Ordering::Relaxed); 64]);
        Self(Arc::new(CheckpointKeys::new(&key, std::slice::from_ref(&key)).expect("a good key")))
    }

    fn signer(&self) -> Arc<dyn CheckpointSigner> {
        self.0.clone()
    }

    fn verifier(&self) -> Arc<dyn CheckpointVerifier> {
        self.0.clone()
    }

    fn of_public_keys(keys: &[PublicKey]) -> Arc<dyn CheckpointVerifier> {
        let keys = keys.iter().map(|key| key.key.as_str());
        Arc::new(PublicCheckpointKeys::parse(keys).expect("public keys"))
    }
}

portcullis_contract::checkpoint_signer_contract!(Keys);
portcullis_contract::checkpoint_verifier_contract!(Keys);
