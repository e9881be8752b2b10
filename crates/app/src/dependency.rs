//! What the service needs of other servers, for readiness.

use async_trait::async_trait;

/// A server that the service uses.
#[async_trait]
pub(crate) trait Dependency: Send + Sync {
    /// Its name in the readiness answer.
    fn name(&self) -> &'static str;

    /// Whether nothing goes without it; else its outage only makes the service poorer.
    fn is_needed(&self) -> bool;

    /// Asks it for a sign of life.
    async fn is_up(&self) -> bool;
}
