//! What is to be done now and then, whether anybody asks or not.

use std::{convert::Infallible, time::Duration};

use portcullis_domain::Identity;
use tokio::sync::watch;

use crate::causes::chain;

const HOUR: Duration = Duration::from_secs(60 * 60);
/// For so long a code that has run out is kept: who comes late with it is told of as late, in the metrics, and not as wrong.
const LATE: Duration = Duration::from_secs(24 * 60 * 60);

/// Forgets requests whose `Idempotency-Key` may be used anew, every hour and when the service starts. Every replica does.
pub(crate) async fn forget_requests(identity: &Identity) -> Infallible {
    loop {
        match identity.forget_requests().await {
            Ok(count) => tracing::debug!(count, "old requests with an idempotency key were forgotten"),
            Err(error) => {
                tracing::warn!("old requests with an idempotency key were not forgotten: {}", chain(&error));
            }
        }
        tokio::time::sleep(HOUR).await;
    }
}

/// For how long notes are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    /// Of sign-ins.
    pub(crate) login_history: Duration,
    /// Of looks at personal data.
    pub(crate) accesses: Duration,
}

/// Deletes what is kept no longer, when the service starts and every hour. Every replica does: what another has deleted is no longer
/// there to be deleted.
pub(crate) async fn keep_up(identity: &Identity, retention: Retention) -> Infallible {
    loop {
        prune(identity, retention).await;
        tokio::time::sleep(HOUR).await;
    }
}

/// Deletes what is kept no longer. What fails is tried again the next time.
async fn prune(identity: &Identity, retention: Retention) {
    let ports = identity.ports();
    let now = ports.clock.now();
    let outcomes = [
        ("old lines of login histories", ports.login_history.prune(now - retention.login_history).await),
        ("old notes of looks at personal data", ports.accesses.prune(now - retention.accesses).await),
        ("sessions that have ended", ports.sessions.prune(now).await),
        ("codes that have run out", ports.one_time_codes.prune(now - LATE).await),
        ("invitations that have run out", ports.invitations.prune(now).await),
    ];
    for (what, outcome) in outcomes {
        match outcome {
            Ok(count) => tracing::debug!(count, "{what} were deleted"),
            Err(error) => tracing::warn!("{what} were not deleted: {}", chain(&error)),
        }
    }
}

/// How often what was granted is committed: a process that is killed loses the counts of so much of it.
const FLUSHED: Duration = Duration::from_secs(1);

/// Commits what was granted and which keys were used, once a second, and once more when it is told to stop: when no request is answered
/// any more.
pub(crate) async fn flush_usage(identity: Identity, mut stop: watch::Receiver<bool>) {
    loop {
        let is_last = tokio::select! {
            () = tokio::time::sleep(FLUSHED) => false,
            _told_or_nobody_tells = stop.changed() => true,
        };
        if let Err(error) = identity.flush_usage().await {
            tracing::warn!("what was granted is not recorded yet: {}", chain(&error));
        }
        if is_last {
            return;
        }
    }
}
