//! Many requests at one moment: whatever the order in which the service takes them, what they leave behind is consistent.

use std::{fs, future::Future, sync::Arc, time::Instant};

use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::{
    client::{Answer, Client, PASSWORD, Tokens},
    server::{PATIENCE, Server},
};

/// Hashes that take long enough for all of 64 registrations to be under way before the first is done.
const SLOW_HASH: (&str, &str) = ("SCRYPT_LOG_N", "14");
const PATIENT: (&str, &str) = ("REQUEST_TIMEOUT_SECONDS", "60");

/// Sends one request from each of these clients at one moment, over connections that are open already.
pub(crate) async fn at_once<F>(clients: Vec<Client>, request: impl Fn(Client, usize) -> F) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    for client in &clients {
        client.get("/auth/health", "").await.expect(200);
    }
    let barrier = Arc::new(Barrier::new(clients.len()));
    let tasks: Vec<_> = clients
        .into_iter()
        .enumerate()
        .map(|(number, client)| {
            let (barrier, request) = (Arc::clone(&barrier), request(client.clone(), number));
            tokio::spawn(async move {
                barrier.wait().await;
                request.await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("no panic"));
    }
    answers
}

pub(crate) fn clients(server: &Server, count: usize) -> Vec<Client> {
    (0..count).map(|_| Client::of(server)).collect()
}

/// How many of the answers are of this status; each other one must be this error.
#[track_caller]
pub(crate) fn winners(answers: &[Answer], status: u16, (error_status, code): (u16, &str)) -> usize {
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == status);
    for answer in lost {
        answer.expect_error(error_status, code);
    }
    won.len()
}

/// How much there is in a log that is intact, without how much of it is signed.
#[track_caller]
pub(crate) fn intact(server: &Server) -> String {
    let output = server.command(&["audit", "verify"]).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.lines().next().unwrap_or_default().to_owned()
}

fn registration(email: &str, username: Option<&str>) -> Value {
    match username {
        Some(username) => {
            json!({"email": email, "username": username, "password": PASSWORD, "name": "Jane Doe"})
        }
        None => json!({"email": email, "password": PASSWORD, "name": "Jane Doe"}),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_registrations_of_one_address_one_wins_and_the_rest_are_told() {
    let server = Server::start_with(&[SLOW_HASH, PATIENT]);
    let answers = at_once(clients(&server, 64), |client, number| async move {
        // The same address to people, whatever the case.
        let email = if number % 2 == 0 { "jane@example.com" } else { "JANE@Example.com" };
        client.register(email).await
    })
    .await;
    assert_eq!(winners(&answers, 201, (409, "USER_1102")), 1);
    assert_eq!(intact(&server), "intact: 2 events on 1 streams");
    // The winner's code is the one that is mailed, and nobody else's.
    let winner = answers.iter().find(|answer| answer.status == 201).expect("one");
    let email = winner.body["email"].as_str().expect("an address").to_owned();
    let client = Client::of(&server);
    let code = server.mailed_code(&email);
    client.post("/auth/verify-email", &json!({"email": email, "code": code})).await.expect(200);
    let tokens = client.login(&email, PASSWORD).await.tokens();
    assert_eq!(client.get("/auth/me", &tokens.access).await.expect(200)["user"]["id"], winner.body["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_registrations_of_one_username_one_wins_and_the_losers_addresses_stay_free() {
    let server = Server::start_with(&[SLOW_HASH, PATIENT]);
    let email = |number: usize| format!("jane{number}@example.com");
    let answers = at_once(clients(&server, 64), |client, number| async move {
        let username = if number % 2 == 0 { "jane" } else { "Jane" };
        client.post("/auth/register", &registration(&email(number), Some(username))).await
    })
    .await;
    assert_eq!(winners(&answers, 201, (409, "USER_1105")), 1);
    // Nothing of a loser is left: neither its claim on the address nor a row.
    let loser = answers.iter().position(|answer| answer.status == 409).expect("63 of them");
    Client::of(&server).register(&email(loser)).await.expect(201);
    assert_eq!(intact(&server), "intact: 4 events on 2 streams");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_profile_changed_by_16_at_once_has_every_change_that_was_acknowledged() {
    let server = Server::start_with(&[("ENABLE_EMAIL_VERIFICATION", "false")]);
    let client = Client::of(&server);
    client.register("jane@example.com").await.expect(201);
    let tokens = client.login("jane@example.com", PASSWORD).await.tokens();
    let before = client.get("/users/me", &tokens.access).await.expect(200)["stream_version"].as_u64();
    let answers = at_once(clients(&server, 16), |client, number| {
        let access = tokens.access.clone();
        async move {
            let change = json!({"name": format!("Jane Doe {number}")});
            client.put("/users/me", &access, &change).await
        }
    })
    .await;
    // One who loses three times in a row is asked to come back, and nothing of theirs is done.
    let changed = winners(&answers, 200, (503, "COMMON_9008"));
    assert!(changed >= 1);
    let versions = answers.iter().filter(|answer| answer.status == 200);
    let mut versions: Vec<_> = versions.map(|answer| answer.body["stream_version"].as_u64()).collect();
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), changed, "each change has a version of its own");
    let after = client.get("/users/me", &tokens.access).await;
    assert_eq!(after.body["stream_version"].as_u64(), before.map(|before| before + changed as u64));
    let last = answers.iter().filter(|answer| answer.status == 200);
    let last = last.max_by_key(|answer| answer.body["stream_version"].as_u64()).expect("one at least");
    assert_eq!(after.body["name"], last.body["name"]);
    intact(&server);
}

/// A signed-in account, and its refresh token sent by 16 at once.
async fn refreshed_at_once(server: &Server) -> (Client, Tokens, Vec<Answer>) {
    let client = Client::of(server);
    let tokens = client.signed_in(server, "jane@example.com").await;
    let answers = at_once(clients(server, 16), |client, _| {
        let token = tokens.refresh.clone();
        async move { client.refresh(&token).await }
    })
    .await;
    (client, tokens, answers)
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_refreshes_with_one_token_yield_one_generation_of_one_session() {
    let server = Server::start_with(&[("REFRESH_REUSE_LEEWAY_SECONDS", "300")]);
    let (client, first, answers) = refreshed_at_once(&server).await;
    let sessions: Vec<_> = answers.iter().map(|answer| &answer.expect(200)["session_id"]).collect();
    assert!(sessions.iter().all(|session| **session == *sessions[0]), "{sessions:?}");
    let me = client.get("/auth/me", &first.access).await;
    assert_eq!(me.expect(200)["session"]["id"], *sessions[0]);

    // They are one generation: once any of them has been used twice over, all the others are of the past.
    let second = answers.iter().map(Answer::tokens).collect::<Vec<_>>();
    let third = client.refresh(&second[0].refresh).await.tokens();
    let fourth = client.refresh(&third.refresh).await.tokens();
    client.refresh(&second[1].refresh).await.expect_error(401, "USER_1204");
    for token in &second[2..] {
        client.refresh(&token.refresh).await.expect_error(401, "USER_1202");
    }
    client.refresh(&fourth.refresh).await.expect_error(401, "USER_1202");
    client.get("/auth/me", &fourth.access).await.expect_error(401, "USER_1006");
    intact(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_leeway_one_of_16_refreshes_wins_and_the_session_ends_as_stolen() {
    let server = Server::start_with(&[("REFRESH_REUSE_LEEWAY_SECONDS", "0")]);
    let (client, first, answers) = refreshed_at_once(&server).await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(won.len(), 1, "{answers:#?}");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        let code = answer.body["error_code"].as_str().expect("an error");
        // The first to come back ends the session, and whoever comes later finds it ended.
        assert!(["USER_1204", "USER_1202"].contains(&code), "{:#}", answer.body);
        answer.expect_error(401, code);
    }
    assert!(answers.iter().any(|answer| answer.body["error_code"] == "USER_1204"));
    let winner = won[0].tokens();
    client.refresh(&winner.refresh).await.expect_error(401, "USER_1202");
    for access in [first.access, winner.access] {
        client.get("/auth/me", &access).await.expect_error(401, "USER_1006");
    }
    // However many noticed, it is recorded once: created, requested, verified, signed in, reused.
    assert_eq!(intact(&server), "intact: 5 events on 1 streams");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_16_verifications_with_the_right_code_one_counts() {
    let server = Server::start();
    let client = Client::of(&server);
    client.register("jane@example.com").await.expect(201);
    let code = server.mailed_code("jane@example.com");
    let answers = at_once(clients(&server, 16), |client, _| {
        let body = json!({"email": "jane@example.com", "code": code});
        async move { client.post("/auth/verify-email", &body).await }
    })
    .await;
    assert_eq!(winners(&answers, 200, (400, "USER_1008")), 1);
    client.login("jane@example.com", PASSWORD).await.expect(200);
    assert_eq!(intact(&server), "intact: 4 events on 1 streams");
}

async fn guess_at_once(server: &Server, guesses: usize) -> (Client, Value) {
    let client = Client::of(server);
    client.register("jane@example.com").await.expect(201);
    let code = server.mailed_code("jane@example.com");
    let right: usize = code.parse().expect("digits");
    let answers = at_once(clients(server, guesses), |client, number| async move {
        let wrong = format!("{:06}", (right + 1 + number) % 1_000_000);
        client.post("/auth/verify-email", &json!({"email": "jane@example.com", "code": wrong})).await
    })
    .await;
    assert_eq!(winners(&answers, 200, (400, "USER_1008")), 0);
    (client, json!({"email": "jane@example.com", "code": code}))
}

#[tokio::test(flavor = "multi_thread")]
async fn after_64_guesses_at_once_the_right_code_is_worth_nothing() {
    let server = Server::start();
    let (client, right) = guess_at_once(&server, 64).await;
    client.post("/auth/verify-email", &right).await.expect_error(400, "USER_1008");
    client.login("jane@example.com", PASSWORD).await.expect_error(403, "USER_1004");
}

#[tokio::test(flavor = "multi_thread")]
async fn four_guesses_at_once_leave_the_right_code_its_turn() {
    let server = Server::start();
    let (client, right) = guess_at_once(&server, 4).await;
    client.post("/auth/verify-email", &right).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_guesses_at_once_with_the_right_one_among_them_no_more_than_five_are_compared() {
    // With every code in a race of its own, one guess in 64 is right. Were all compared, it would win each time; with five
    // of 64 it wins once in thirteen, and twelve times in a row but once in 10^13.
    let server = Server::start();
    let mut won = 0;
    for round in 0..12 {
        let client = Client::of(&server);
        let email = format!("jane{round}@example.com");
        client.register(&email).await.expect(201);
        let right: usize = server.mailed_code(&email).parse().expect("digits");
        let answers = at_once(clients(&server, 64), |client, number| {
            // Where the right one stands among them differs from round to round.
            let offset = (number + 64 - (round * 29 + 17) % 64) % 64;
            let body = json!({"email": email, "code": format!("{:06}", (right + offset) % 1_000_000)});
            async move { client.post("/auth/verify-email", &body).await }
        })
        .await;
        won += winners(&answers, 200, (400, "USER_1008"));
    }
    assert!(won < 12, "all of 64 guesses are compared");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_signs_in_32_times_at_once() {
    let server =
        Server::start_with(&[("ENABLE_EMAIL_VERIFICATION", "false"), ("MAX_SESSIONS_PER_USER", "200")]);
    let client = Client::of(&server);
    client.register("jane@example.com").await.expect(201);
    for round in 1..=3 {
        let answers = at_once(clients(&server, 32), |client, _| async move {
            client.login("jane@example.com", PASSWORD).await
        })
        .await;
        let mut sessions: Vec<_> =
            answers.iter().map(|answer| answer.expect(200)["session_id"].to_string()).collect();
        sessions.sort_unstable();
        sessions.dedup();
        assert_eq!(sessions.len(), 32);
        for answer in &answers {
            client.get("/auth/me", &answer.tokens().access).await.expect(200);
        }
        assert_eq!(intact(&server), format!("intact: {} events on 1 streams", 1 + 32 * round));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_wins_over_every_refresh_that_races_it() {
    let server = Server::start_with(&[("ENABLE_EMAIL_VERIFICATION", "false")]);
    let client = Client::of(&server);
    client.register("jane@example.com").await.expect(201);
    for round in 0..10 {
        let tokens = client.login("jane@example.com", PASSWORD).await.tokens();
        let answers = at_once(clients(&server, 8), |client, number| {
            let tokens = tokens.clone();
            async move {
                if number == round % 8 {
                    client.logout(&tokens.access).await
                } else {
                    client.refresh(&tokens.refresh).await
                }
            }
        })
        .await;
        // The refreshes that came before it got tokens; those after it did not; and none of the tokens is any good.
        answers[round % 8].expect(200);
        let refreshes = answers.iter().enumerate().filter(|(number, _)| *number != round % 8);
        let mut all = vec![tokens];
        for (_, answer) in refreshes {
            match answer.status {
                200 => all.push(answer.tokens()),
                _ => drop(answer.expect_error(401, "USER_1202")),
            }
        }
        for tokens in all {
            client.get("/auth/me", &tokens.access).await.expect_error(401, "USER_1006");
            client.refresh(&tokens.refresh).await.expect_error(401, "USER_1202");
        }
    }
    intact(&server);
}

/// A second service on the first one's data.
struct Second(std::process::Child, String);

impl Second {
    fn beside(server: &Server) -> Self {
        let path = server.folder().join("second.log");
        let log = fs::File::create(&path).expect("a log");
        let child = server.command(&["serve"]).stdout(log.try_clone().expect("a log")).stderr(log).spawn();
        let mut second = Self(child.expect("it starts"), String::new());
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let log = fs::read_to_string(&path).expect("a log");
            let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            if let Some(line) = lines.find(|line| line["message"] == "listening") {
                second.1 = format!("http://{}", line["address"].as_str().expect("an address"));
                return second;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("it does not listen:\n{}", fs::read_to_string(&path).expect("a log"));
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_on_one_folder_are_one_service() {
    let server = Server::start_with(&[SLOW_HASH, PATIENT]);
    let second = Second::beside(&server);
    let both = |count| {
        let pairs = (0..count).map(|number: usize| {
            if number.is_multiple_of(2) { Client::of(&server) } else { Client::at(&second.1) }
        });
        pairs.collect::<Vec<_>>()
    };
    let (one, other) = (Client::of(&server), Client::at(&second.1));

    // What one of them did, the other knows at once.
    let tokens = one.signed_in(&server, "jane@example.com").await;
    other.get("/auth/me", &tokens.access).await.expect(200);
    let next = other.refresh(&tokens.refresh).await.tokens();
    one.get("/auth/me", &next.access).await.expect(200);
    other.put("/users/me", &next.access, &json!({"name": "Jane Roe"})).await.expect(200);
    assert_eq!(one.get("/users/me", &next.access).await.body["name"], "Jane Roe");
    one.logout(&next.access).await.expect(200);
    other.get("/auth/me", &next.access).await.expect_error(401, "USER_1006");
    other.refresh(&next.refresh).await.expect_error(401, "USER_1202");

    // And what both begin at once, one of them gets.
    for round in 0..4 {
        let email = format!("jane{round}@example.com");
        let answers = at_once(both(32), |client, _| {
            let email = email.clone();
            async move { client.register(&email).await }
        })
        .await;
        assert_eq!(winners(&answers, 201, (409, "USER_1102")), 1);
    }
    let body = json!({"email": "jane0@example.com", "code": server.mailed_code("jane0@example.com")});
    let answers = at_once(both(16), |client, _| {
        let body = body.clone();
        async move { client.post("/auth/verify-email", &body).await }
    })
    .await;
    assert_eq!(winners(&answers, 200, (400, "USER_1008")), 1);
    let tokens = one.login("jane0@example.com", PASSWORD).await.tokens();
    let answers = at_once(both(16), |client, _| {
        let token = tokens.refresh.clone();
        async move { client.refresh(&token).await }
    })
    .await;
    for answer in &answers {
        answer.expect(200);
    }
    intact(&server);
}
