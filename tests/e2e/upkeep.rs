//! What is kept no longer goes by itself.

use std::time::Instant;

use serde_json::json;

use crate::{
    client::{Client, PASSWORD},
    server::{PATIENCE, Server, StoreSql},
};

const EMAIL: &str = "jane@example.com";

/// Moves everything that has a time into the past, by more than any of it is kept.
const AGE: StoreSql = StoreSql {
    sqlite: "UPDATE sessions SET expires_at = expires_at - 34560000000000;
             UPDATE one_time_codes SET expires_at = expires_at - 34560000000000;
             UPDATE invitations SET expires_at = expires_at - 34560000000000;
             UPDATE accesses SET at = at - 34560000000000;
             UPDATE login_attempts SET at = at - 34560000000000",
    postgres: "UPDATE sessions SET expires_at = expires_at - interval '400 days';
               UPDATE one_time_codes SET expires_at = expires_at - interval '400 days';
               UPDATE invitations SET expires_at = expires_at - interval '400 days';
               UPDATE accesses SET at = at - interval '400 days';
               UPDATE login_attempts SET at = at - interval '400 days'",
};

const COUNTS: &str = "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM one_time_codes),
                             (SELECT count(*) FROM invitations), (SELECT count(*) FROM accesses),
                             (SELECT count(*) FROM login_attempts)";

/// How many sessions, codes, invitations, looks and attempts there are.
async fn counts(server: &Server) -> Vec<u32> {
    let line = server.query(&StoreSql { sqlite: COUNTS, postgres: COUNTS }).await;
    line.trim().split('|').map(|count| count.parse().expect("a number")).collect()
}

/// Some of everything that is kept for a time: one who waits for a code, one who signs in, and an administrator who looks at them and
/// invites somebody.
async fn live(server: &Server, name: &str) {
    let client = Client::of(server);
    let email = format!("{name}@example.com");
    client.register(&email).await.expect(201);
    let owner = format!("owner.{name}@example.com");
    let company = json!({"email": owner, "password": PASSWORD, "name": "Smith & Sons, Inc."});
    client.post("/auth/register/company", &company).await.expect(201);
    let code = json!({"email": owner, "code": server.mailed_code(&owner)});
    client.post("/auth/verify-email", &code).await.expect(200);
    let tokens = client.login(&owner, PASSWORD).await.tokens();
    let invitation = json!({"email": "invited@example.com"});
    client.act("/companies/me/invitations", &tokens.access, &invitation).await.expect(201);
    let admin = client.admin(server, &format!("admin.{name}@example.com")).await;
    client.get("/users", &admin.access).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_run_out_and_what_is_old_goes_by_itself_and_nothing_else_does() {
    let mut server = Server::start();
    live(&server, "before").await;
    let before = counts(&server).await;
    assert!(before.iter().all(|count| *count > 0), "{before:?}");
    assert!(server.stop().success());
    server.query(&AGE).await;
    assert_eq!(counts(&server).await, before, "nothing goes by itself while nobody runs");

    server.restart();
    let deadline = Instant::now() + PATIENCE;
    while counts(&server).await.iter().any(|count| *count > 0) {
        assert!(Instant::now() < deadline, "{:?} are left", counts(&server).await);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let client = Client::of(&server);
    client.login("owner.before@example.com", PASSWORD).await.expect(200);

    live(&server, "after").await;
    let after = counts(&server).await;
    assert!(server.stop().success());
    server.restart();
    // Somebody is answered when the first round is over, or nearly.
    Client::of(&server).register(EMAIL).await.expect(201);
    server.mailed_code(EMAIL);
    let left = counts(&server).await;
    assert!(left.iter().zip(&after).all(|(left, after)| left >= after), "{after:?} became {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_has_run_out_is_told_to_be_over_whether_it_is_still_there_or_not() {
    let mut server = Server::start();
    let client = Client::of(&server);
    let tokens = client.signed_in(&server, EMAIL).await;
    assert!(server.stop().success());
    server
        .query(&StoreSql {
            sqlite: "UPDATE sessions SET expires_at = expires_at - 34560000000000",
            postgres: "UPDATE sessions SET expires_at = expires_at - interval '400 days'",
        })
        .await;
    server.restart();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let client = Client::of(&server);
        client.refresh(&tokens.refresh).await.expect_error(401, "USER_1202");
        client.get("/auth/me", &tokens.access).await.expect_error(401, "USER_1006");
        if counts(&server).await[0] == 0 {
            client.refresh(&tokens.refresh).await.expect_error(401, "USER_1202");
            return;
        }
        assert!(Instant::now() < deadline, "the session stays");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
