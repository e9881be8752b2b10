//! The contract of every store port, on a database file of its own for each case.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_contract::{StoreHarness, StorePorts};
use portcullis_sqlite::{Options, Sqlite};
use tempfile::TempDir;

struct Store {
    sqlite: Arc<Sqlite>,
    folder: TempDir,
}

impl Store {
    fn open(folder: TempDir) -> Self {
        let sqlite = Sqlite::open(folder.path().join("portcullis.db"), Options::default());
        Self { sqlite: Arc::new(sqlite.expect("a new database opens")), folder }
    }
}

#[async_trait]
impl StoreHarness for Store {
    async fn start() -> Self {
        Self::open(TempDir::new().expect("a temporary folder"))
    }

    /// Goes on with a copy of the files as they lie on the disk, while the first process still has them open: what a lost
    /// process leaves behind, without the tidying up of one that ends.
    async fn restart(self) -> Self {
        let copy = TempDir::new().expect("a temporary folder");
        for entry in self.folder.path().read_dir().expect("readable") {
            let entry = entry.expect("readable");
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("copied");
        }
        Self::open(copy)
    }

    fn ports(&self) -> StorePorts {
        StorePorts {
            events: self.sqlite.clone(),
            users: self.sqlite.clone(),
            credentials: self.sqlite.clone(),
            sessions: self.sqlite.clone(),
            one_time_codes: self.sqlite.clone(),
            login_history: self.sqlite.clone(),
            companies: self.sqlite.clone(),
            members: self.sqlite.clone(),
            invitations: self.sqlite.clone(),
            accesses: self.sqlite.clone(),
            streams: self.sqlite.clone(),
            event_search: self.sqlite.clone(),
            idempotency_keys: self.sqlite.clone(),
            api_keys: self.sqlite.clone(),
            features: self.sqlite.clone(),
            feature_usages: self.sqlite.clone(),
            subject_keys: self.sqlite.clone(),
            signing_keys: self.sqlite.clone(),
            subscriptions: self.sqlite.clone(),
            checkpoints: self.sqlite.clone(),
            replays: self.sqlite.clone(),
            retention: self.sqlite.clone(),
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
