//! What the service needs of other servers, for readiness and metrics.

use std::time::Duration;

use async_trait::async_trait;

/// How long a dependency may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

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

/// Whether it gives a sign of life in time.
pub(crate) async fn answers(dependency: &dyn Dependency) -> bool {
    tokio::time::timeout(PATIENCE, dependency.is_up()).await.unwrap_or(false)
}
