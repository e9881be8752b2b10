//! The keys that replicas share.

use super::{EMAIL, Replicas, UNVERIFIED, eventually, sign_in};
use crate::client::{Client, PASSWORD};

/// The footer of a token: which key signed it.
fn key_of(token: &str) -> String {
    token.rsplit('.').next().expect("a footer").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_that_find_the_active_key_too_old_at_once_make_one_new_key() {
    // Ten full pools would be more connections than a server of default size takes.
    let replicas =
        Replicas::start(10, &[UNVERIFIED, ("DATABASE_POOL_SIZE", "5"), ("MAX_SESSIONS_PER_USER", "40")]);
    let clients = replicas.clients();
    let before = sign_in(&clients[0], EMAIL).await;
    // Once: a key that was retired 91 days ago has signed nothing that is still good.
    let age = "UPDATE signing_keys SET created_at = created_at - interval '91 days'";
    replicas.place.query(age).await;
    // Every replica has the new ring, none has made another one.
    for client in &clients {
        eventually("it knows the new key", || async { (published(client).await == 3).then_some(()) }).await;
    }
    assert_eq!(replicas.place.query("SELECT epoch FROM signing_keys").await.len(), 3);
    // A retired key's tokens are good everywhere, and new ones have another key.
    for client in &clients {
        client.get("/auth/me", &before.access).await.expect(200);
        let after = client.login(EMAIL, PASSWORD).await.tokens();
        assert_ne!(key_of(&after.access), key_of(&before.access));
        for other in &clients[..3] {
            other.get("/auth/me", &after.access).await.expect(200);
        }
    }
    clients[9].refresh(&before.refresh).await.expect(200);
}

async fn published(client: &Client) -> usize {
    client.get("/auth/keys", "").await.expect(200)["keys"].as_array().expect("keys").len()
}

/// Twice at once: the key that signs afterwards was next for no time at all, and a replica may not have heard of it when its first token
/// comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_key_that_a_replica_has_not_heard_of_is_good_there_at_once() {
    let replicas = Replicas::start(2, &[UNVERIFIED, ("MAX_SESSIONS_PER_USER", "40")]);
    let (one, other) = replicas.pair();
    sign_in(&one, EMAIL).await;
    for _ in 0..3 {
        let signing = one.login(EMAIL, PASSWORD).await.tokens();
        for _ in 0..2 {
            replicas.printed(&["keys", "rotate"]);
        }
        let fresh = eventually("the one signs with a new key", || async {
            let tokens = one.login(EMAIL, PASSWORD).await.tokens();
            (key_of(&tokens.access) != key_of(&signing.access)).then_some(tokens)
        })
        .await;
        other.get("/auth/me", &fresh.access).await.expect(200);
        other.refresh(&fresh.refresh).await.expect(200);
    }
}
