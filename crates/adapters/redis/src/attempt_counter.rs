use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::port::{AttemptCounters, StoreError};

use crate::{Redis, connection::Urgency, milliseconds_at_least, script};

impl Redis {
    fn counter_key(&self, key: &str) -> String {
        self.digest_key("attempts", key)
    }
}

#[async_trait]
impl AttemptCounters for Redis {
    async fn add(&self, key: &str, window: Duration) -> Result<u64, StoreError> {
        let keys = [self.counter_key(key)];
        let arguments = [milliseconds_at_least(window).to_string().into()];
        self.connections
            .call(Urgency::Ordinary, |connection| async move {
                script::ADD.run(connection, &keys, &arguments).await
            })
            .await
    }

    async fn count(&self, key: &str) -> Result<u64, StoreError> {
        let mut get = redis::cmd("GET");
        get.arg(self.counter_key(key));
        let count: Option<u64> = self
            .connections
            .call(Urgency::Ordinary, |mut connection| async move { get.query_async(&mut connection).await })
            .await?;
        Ok(count.unwrap_or_default())
    }

    async fn clear(&self, key: &str) -> Result<(), StoreError> {
        let mut delete = redis::cmd("DEL");
        delete.arg(self.counter_key(key));
        self.connections
            .call(
                Urgency::Ordinary,
                |mut connection| async move { delete.query_async(&mut connection).await },
            )
            .await
    }
}
