//! What is to be done now and then, whether anybody asks or not.

use std::{convert::Infallible, time::Duration};

use portcullis_domain::Identity;

use crate::causes::chain;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// When what failed is tried again.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Deletes old lines of login histories, once a day and when the service starts. Every replica does: what another has deleted is no
/// longer there to be deleted.
pub(crate) async fn prune_login_histories(identity: &Identity, retention: Duration) -> Infallible {
    let ports = identity.ports();
    loop {
        let pause = match ports.login_history.prune(ports.clock.now() - retention).await {
            Ok(count) => {
                tracing::debug!(count, "old lines of login histories were deleted");
                DAY
            }
            Err(error) => {
                tracing::warn!("old lines of login histories were not deleted: {}", chain(&error));
                HOUR
            }
        };
        tokio::time::sleep(pause).await;
    }
}
