//! What an administrator does on one replica is so on every other.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{EMAIL, Replicas, UNVERIFIED, eventually, sign_in};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_role_and_a_deactivation_on_one_are_seen_by_the_other_within_a_second() {
    let replicas = Replicas::start(2, &[UNVERIFIED]);
    let (one, other) = replicas.pair();
    let admin = one.admin(&replicas.servers[0], "admin@example.com").await;
    let tokens = sign_in(&one, EMAIL).await;
    let me = other.get("/users/me", &tokens.access).await;
    let path = format!("/users/{}", me.expect(200)["id"].as_str().expect("an id"));
    let time_until = async |status: u16| {
        let begun = Instant::now();
        eventually("the other replica knows", || async {
            (other.get("/users", &tokens.access).await.status == status).then_some(())
        })
        .await;
        begun.elapsed()
    };
    for round in 0..5 {
        for (role, status) in [("moderator", 200), ("user", 403)] {
            one.put(&format!("{path}/role"), &admin.access, &json!({"role": role})).await.expect(200);
            let taken = time_until(status).await;
            assert!(taken < Duration::from_secs(1), "round {round}, {role}: {taken:?}");
        }
    }
    one.act(&format!("{path}/deactivate"), &admin.access, &json!({})).await.expect(200);
    let taken = time_until(401).await;
    assert!(taken < Duration::from_secs(1), "{taken:?}");
}
