//! The contract of a store, on the store in memory.

use std::sync::Arc;

use portcullis_contract::{StoreHarness, StorePorts};
use portcullis_memory::Memory;

struct Store(Arc<Memory>);

#[async_trait::async_trait]
impl StoreHarness for Store {
    async fn start() -> Self {
        Self(Arc::new(Memory::new()))
    }

    async fn restart(self) -> Self {
        self // A store with a disk drops itself here, and opens what it wrote.
    }

    fn ports(&self) -> StorePorts {
        StorePorts {
            events: self.0.clone(),
            users: self.0.clone(),
            credentials: self.0.clone(),
            sessions: self.0.clone(),
            one_time_codes: self.0.clone(),
            login_history: self.0.clone(),
            companies: self.0.clone(),
            members: self.0.clone(),
            invitations: self.0.clone(),
            accesses: self.0.clone(),
            streams: self.0.clone(),
            event_search: self.0.clone(),
            idempotency_keys: self.0.clone(),
            api_keys: self.0.clone(),
            features: self.0.clone(),
            feature_usages: self.0.clone(),
            subject_keys: self.0.clone(),
            signing_keys: self.0.clone(),
            subscriptions: self.0.clone(),
            checkpoints: self.0.clone(),
            replays: self.0.clone(),
            retention: self.0.clone(),
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
