//! The contract of the `PasswordHasher` port, kept by scrypt.

use std::{num::NonZeroUsize, sync::Arc};

use async_trait::async_trait;
use portcullis_contract::PasswordHasherHarness;
use portcullis_domain::{port::PasswordHasher, testing::SeededEntropy};
use portcullis_scrypt::{Parameters, Scrypt, Settings};

/// With cheap parameters: the contract does not depend on the cost, and there are many hashes to make.
fn hasher(log_n: u8, queue: usize) -> Arc<dyn PasswordHasher> {
    let parameters = Parameters::new(log_n, 8, 1).expect("possible parameters");
    let threads = NonZeroUsize::new(2).expect("not zero");
    let settings = Settings { parameters, threads, queue };
    Arc::new(Scrypt::start(settings, Arc::new(SeededEntropy::new(u64::from(log_n)))).expect("threads start"))
}

struct Harness;

#[async_trait]
impl PasswordHasherHarness for Harness {
    async fn start() -> Self {
        Self
    }

    fn hasher(&self) -> Arc<dyn PasswordHasher> {
        hasher(8, 64)
    }

    fn other_parameters(&self) -> Arc<dyn PasswordHasher> {
        hasher(9, 64)
    }

    fn short_queue(&self) -> Arc<dyn PasswordHasher> {
        hasher(8, 4)
    }
}

portcullis_contract::password_hasher_contract!(Harness);
