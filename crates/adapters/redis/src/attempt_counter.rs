use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::port::{AttemptCounters, Attempts, StoreError};

use crate::{
    Redis,
    connection::Urgency,
    milliseconds_at_least,
    script::{self, Script},
};

impl Redis {
    fn counter_key(&self, key: &str) -> String {
        self.digest_key("attempts", key)
    }

    /// What a script says of a counter.
    async fn counted(
        &self,
        script: &'static Script,
        key: &str,
        arguments: Vec<Vec<u8>>,
    ) -> Result<Attempts, StoreError> {
        let keys = [self.counter_key(key)];
        let (count, left): (u64, i64) =
            self.connections
                .call(Urgency::Ordinary, |connection| async move {
                    script.run(connection, &keys, &arguments).await
                })
                .await?;
        // A key is there in the millisecond in which it ends, and is gone in the next.
        let ends_in = u64::try_from(left).map_or(Duration::ZERO, |left| Duration::from_millis(left + 1));
        Ok(Attempts { count, ends_in })
    }
}

#[async_trait]
impl AttemptCounters for Redis {
    async fn add(&self, key: &str, window: Duration) -> Result<Attempts, StoreError> {
        let arguments = vec![milliseconds_at_least(window).to_string().into()];
        self.counted(&script::ADD, key, arguments).await
    }

    async fn count(&self, key: &str) -> Result<Attempts, StoreError> {
        self.counted(&script::COUNT, key, Vec::new()).await
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
