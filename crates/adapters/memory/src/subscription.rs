use async_trait::async_trait;
use portcullis_domain::port::{FeedCursor, StoreError, Subscriptions};

use crate::Memory;

#[async_trait]
impl Subscriptions for Memory {
    async fn cursor(&self, name: &str) -> Result<FeedCursor, StoreError> {
        Ok(self.state().cursors.get(name).copied().unwrap_or_default())
    }

    async fn advance(&self, name: &str, cursor: FeedCursor) -> Result<(), StoreError> {
        let mut state = self.state();
        let known = state.cursors.entry(name.to_owned()).or_default();
        *known = cursor.max(*known);
        Ok(())
    }
}
