//! The contract of every store port, on a schema of its own for each case.

mod schema;

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_contract::{StoreHarness, StorePorts};
use portcullis_postgres::{Options, Postgres};
use schema::Schema;

struct Store {
    postgres: Arc<Postgres>,
    schema: Schema,
}

impl Store {
    async fn open(schema: Schema) -> Self {
        let postgres = Postgres::connect(schema.url(), Options::default()).await;
        Self { postgres: Arc::new(postgres.expect("a new schema opens")), schema }
    }
}

#[async_trait]
impl StoreHarness for Store {
    async fn start() -> Self {
        Self::open(Schema::new()).await
    }

    /// Goes on over connections of its own, while the first process still has its own open: what a lost process leaves behind
    /// is what the server has committed.
    async fn restart(self) -> Self {
        let Self { postgres, schema } = self;
        let restarted = Self::open(schema).await;
        drop(postgres);
        restarted
    }

    fn ports(&self) -> StorePorts {
        StorePorts {
            events: self.postgres.clone(),
            users: self.postgres.clone(),
            credentials: self.postgres.clone(),
            sessions: self.postgres.clone(),
            one_time_codes: self.postgres.clone(),
            login_history: self.postgres.clone(),
            companies: self.postgres.clone(),
            members: self.postgres.clone(),
            invitations: self.postgres.clone(),
            accesses: self.postgres.clone(),
            streams: self.postgres.clone(),
            event_search: self.postgres.clone(),
            idempotency_keys: self.postgres.clone(),
            api_keys: self.postgres.clone(),
            features: self.postgres.clone(),
            feature_usages: self.postgres.clone(),
            subject_keys: self.postgres.clone(),
            signing_keys: self.postgres.clone(),
            subscriptions: self.postgres.clone(),
            checkpoints: self.postgres.clone(),
            replays: self.postgres.clone(),
            retention: self.postgres.clone(),
        }
    }
}

portcullis_contract::event_store_contract!(Store);
portcullis_contract::users_contract!(Store);
portcullis_contract::credentials_contract!(Store);
portcullis_contract::sessions_contract!(Store);
portcullis_contract::one_time_codes_contract!(Store);
portcullis_contract::login_history_contract!(Store);
portcullis_contract::companies_contract!(Store);
portcullis_contract::members_contract!(Store);
portcullis_contract::invitations_contract!(Store);
portcullis_contract::accesses_contract!(Store);
portcullis_contract::streams_contract!(Store);
portcullis_contract::event_search_contract!(Store);
portcullis_contract::idempotency_keys_contract!(Store);
portcullis_contract::api_keys_contract!(Store);
portcullis_contract::features_contract!(Store);
portcullis_contract::feature_usages_contract!(Store);
portcullis_contract::subject_keys_contract!(Store);
portcullis_contract::signing_keys_contract!(Store);
portcullis_contract::subscriptions_contract!(Store);
portcullis_contract::checkpoints_contract!(Store);
portcullis_contract::replays_contract!(Store);
portcullis_contract::retention_contract!(Store);
portcullis_contract::session_rules!(Store);
