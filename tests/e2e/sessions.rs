//! A person's sessions: seen, ended, and no more of them than allowed.

use serde_json::Value;

use crate::{
    client::{Client, PASSWORD, Tokens},
    race::{at_once, clients, intact},
    server::Server,
};

const EMAIL: &str = "jane@example.com";
const UNVERIFIED: (&str, &str) = ("ENABLE_EMAIL_VERIFICATION", "false");

async fn person(server: &Server) -> (Client, Tokens) {
    let client = Client::of(server);
    client.register(EMAIL).await.expect(201);
    let tokens = client.login(EMAIL, PASSWORD).await.tokens();
    (client, tokens)
}

async fn list(client: &Client, access: &str) -> Vec<Value> {
    let answer = client.get("/users/me/sessions", access).await;
    let body = answer.expect(200);
    assert_eq!(body["next_cursor"], Value::Null);
    body["items"].as_array().expect("a list").clone()
}

async fn expect_dead(client: &Client, tokens: &Tokens) {
    client.get("/auth/me", &tokens.access).await.expect_error(401, "USER_1006");
    client.refresh(&tokens.refresh).await.expect_error(401, "USER_1202");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_see_where_they_are_signed_in_and_end_what_they_do_not_know() {
    let server = Server::start_with(&[UNVERIFIED]);
    let (client, first) = person(&server).await;
    let second = client.login(EMAIL, PASSWORD).await;
    let second_id = second.body["session_id"].as_str().expect("an id").to_owned();
    let second = second.tokens();

    let sessions = list(&client, &first.access).await;
    let [newest, oldest] = &sessions[..] else { panic!("{sessions:#?}") };
    assert_eq!((newest["id"].as_str(), &newest["current"]), (Some(&*second_id), &false.into()));
    assert_eq!(oldest["current"], true);
    let me = client.get("/auth/me", &first.access).await;
    assert_eq!(me.expect(200)["session"], *oldest);
    let fields: Vec<_> = newest.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected = ["created_at", "current", "expires_at", "id", "ip_address", "last_seen_at", "user_agent"];
    assert_eq!(fields, expected);
    assert_eq!(newest["ip_address"], "127.0.0.1");

    client.delete(&format!("/users/me/sessions/{second_id}"), &first.access).await.expect(200);
    expect_dead(&client, &second).await;
    assert_eq!(list(&client, &first.access).await.len(), 1);
    let again = client.delete(&format!("/users/me/sessions/{second_id}"), &first.access).await;
    again.expect_error(404, "USER_1201");
    client.delete("/users/me/sessions/7", &first.access).await.expect_error(400, "COMMON_9001");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_session_is_none() {
    let server = Server::start_with(&[UNVERIFIED]);
    let (client, jane) = person(&server).await;
    client.register("other@example.com").await.expect(201);
    let other = client.login("other@example.com", PASSWORD).await;
    let id = other.body["session_id"].as_str().expect("an id").to_owned();
    let refused = client.delete(&format!("/users/me/sessions/{id}"), &jane.access).await;
    refused.expect_error(404, "USER_1201");
    client.get("/auth/me", &other.tokens().access).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_others_end_and_the_current_one_goes_on_and_all_end_by_signing_out_of_all() {
    let server = Server::start_with(&[UNVERIFIED]);
    let (client, first) = person(&server).await;
    let others = [client.login(EMAIL, PASSWORD).await.tokens(), client.login(EMAIL, PASSWORD).await.tokens()];
    client.delete("/users/me/sessions", &first.access).await.expect(200);
    for other in &others {
        expect_dead(&client, other).await;
    }
    let first = client.refresh(&first.refresh).await.tokens();
    assert_eq!(list(&client, &first.access).await.len(), 1);

    let second = client.login(EMAIL, PASSWORD).await.tokens();
    client.act("/auth/logout", &first.access, &serde_json::json!({"all": true})).await.expect(200);
    for tokens in [&first, &second] {
        expect_dead(&client, tokens).await;
    }
    // Signed in three times and twice more, ended others once, all once; registered.
    assert_eq!(intact(&server), "intact: 7 events on 1 streams");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sixth_session_ends_the_first() {
    let server = Server::start_with(&[UNVERIFIED]);
    let (client, first) = person(&server).await;
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(client.login(EMAIL, PASSWORD).await.tokens());
    }
    expect_dead(&client, &first).await;
    for other in &others {
        assert_eq!(list(&client, &other.access).await.len(), 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_policy_is_to_reject_a_sign_in_too_many_is_told() {
    let server =
        Server::start_with(&[UNVERIFIED, ("MAX_SESSIONS_PER_USER", "2"), ("SESSION_LIMIT_POLICY", "reject")]);
    let (client, first) = person(&server).await;
    client.login(EMAIL, PASSWORD).await.expect(200);
    client.login(EMAIL, PASSWORD).await.expect_error(409, "USER_1203");
    client.login(EMAIL, "Tr4vel-heavy").await.expect_error(401, "USER_1001");
    client.logout(&first.access).await.expect(200);
    client.login(EMAIL, PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_sign_ins_at_once_leave_no_more_sessions_than_allowed() {
    let server = Server::start_with(&[UNVERIFIED]);
    let client = Client::of(&server);
    client.register(EMAIL).await.expect(201);
    for _ in 0..3 {
        let answers =
            at_once(clients(&server, 16), |client, _| async move { client.login(EMAIL, PASSWORD).await })
                .await;
        let mut live = Vec::new();
        for answer in &answers {
            let tokens = answer.tokens();
            let me = client.get("/auth/me", &tokens.access).await;
            match me.status {
                200 => live.push(tokens),
                _ => expect_dead(&client, &tokens).await,
            }
        }
        assert_eq!(live.len(), 5);
        assert_eq!(list(&client, &live[0].access).await.len(), 5);
    }
    intact(&server);
}
