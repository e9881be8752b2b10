use async_trait::async_trait;

use super::{FeedCursor, StoreError};

/// Where each subscription stands in the feed.
///
/// # Contract
///
/// * A subscription never advanced stands at the start.
/// * An advanced cursor survives the loss of the process and never moves backwards.
#[async_trait]
pub trait Subscriptions: Send + Sync {
    /// The cursor of the subscription with this name.
    async fn cursor(&self, name: &str) -> Result<FeedCursor, StoreError>;
    /// Everything up to this cursor has been handled.
    async fn advance(&self, name: &str, cursor: FeedCursor) -> Result<(), StoreError>;
}
