//! Replicas that are started together.

use super::{EMAIL, Replicas, UNVERIFIED, eventually, readiness, ready, sign_in};
use crate::client::PASSWORD;

#[tokio::test(flavor = "multi_thread")]
async fn ten_that_start_at_once_on_an_empty_database_become_one_service() {
    // Ten full pools would be more connections than a server of default size takes.
    let replicas =
        Replicas::start(10, &[UNVERIFIED, ("DATABASE_POOL_SIZE", "5"), ("MAX_SESSIONS_PER_USER", "20")]);
    let clients = replicas.clients();
    for client in &clients {
        eventually("it is up", || async { (readiness(client).await == ready("up")).then_some(()) }).await;
    }
    // One that signs and one that will.
    assert_eq!(replicas.place.query("SELECT epoch FROM signing_keys").await.len(), 2);
    sign_in(&clients[0], EMAIL).await;
    for signing in &clients {
        let tokens = signing.login(EMAIL, PASSWORD).await.tokens();
        for reading in &clients {
            reading.get("/auth/me", &tokens.access).await.expect(200);
        }
    }
    let report = replicas.printed(&["audit", "verify"]);
    assert!(report.starts_with("intact: 12 events on 1 streams\n"), "{report}");
}
