use super::{EMAIL, NEW, change, count_mails, forgot, reset, signed_in, token, verify};
use crate::{
    client::{Client, PASSWORD},
    race::{at_once, clients, intact, winners},
    server::Server,
};

#[tokio::test(flavor = "multi_thread")]
async fn of_16_resets_with_one_token_one_wins_and_its_password_is_the_password() {
    let (server, client, tokens) = signed_in().await;
    let token = token(&server, &client).await;
    let password = |number: usize| format!("N3w-lantern-{number}!");
    let answers = at_once(clients(&server, 16), |client, number| {
        let token = token.clone();
        async move { reset(&client, &token, &password(number)).await }
    })
    .await;
    assert_eq!(winners(&answers, 200, (400, "USER_1008")), 1);
    for (number, answer) in answers.iter().enumerate() {
        let expected = if answer.status == 200 { 200 } else { 401 };
        client.login(EMAIL, &password(number)).await.expect(expected);
    }
    client.get("/auth/me", &tokens.access).await.expect_error(401, "USER_1006");
    intact(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_8_verifications_with_one_code_one_wins() {
    let server = Server::start();
    let client = Client::of(&server);
    client.register(EMAIL).await.expect(201);
    let code = server.mailed_code(EMAIL);
    let answers = at_once(clients(&server, 8), |client, _| {
        let code = code.clone();
        async move { verify(&client, EMAIL, &code).await }
    })
    .await;
    assert_eq!(winners(&answers, 200, (400, "USER_1008")), 1);
    client.login(EMAIL, PASSWORD).await.expect(200);
    intact(&server);
}

/// Whichever comes first: a sign-in with the old password leaves no session behind that outlives the reset.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_races_a_reset_is_refused_or_ended() {
    let (server, client, _) = signed_in().await;
    let token = token(&server, &client).await;
    let answers = at_once(clients(&server, 16), |client, number| {
        let token = token.clone();
        async move {
            if number == 7 { reset(&client, &token, NEW).await } else { client.login(EMAIL, PASSWORD).await }
        }
    })
    .await;
    answers[7].expect(200);
    for (number, answer) in answers.iter().enumerate().filter(|(number, _)| *number != 7) {
        if answer.status == 200 {
            client.get("/auth/me", &answer.tokens().access).await.expect_error(401, "USER_1006");
            client.refresh(&answer.tokens().refresh).await.expect_error(401, "USER_1202");
        } else {
            answer.expect_error(401, "USER_1001");
            assert_ne!(number, 7);
        }
    }
    client.login(EMAIL, PASSWORD).await.expect_error(401, "USER_1001");
    client.login(EMAIL, NEW).await.expect(200);
    intact(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_8_changes_at_once_one_wins() {
    let (server, client, tokens) = signed_in().await;
    let password = |number: usize| format!("N3w-lantern-{number}!");
    let answers = at_once(clients(&server, 8), |client, number| {
        let tokens = tokens.clone();
        async move { change(&client, &tokens, PASSWORD, &password(number)).await }
    })
    .await;
    assert_eq!(winners(&answers, 200, (403, "USER_1009")), 1);
    let winner = answers.iter().position(|answer| answer.status == 200).expect("one");
    client.login(EMAIL, &password(winner)).await.expect(200);
    intact(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_16_who_forgot_at_once_one_is_mailed_a_token() {
    let (server, client, _) = signed_in().await;
    let answers =
        at_once(clients(&server, 16), |client, _| async move { forgot(&client, EMAIL).await }).await;
    assert_eq!(winners(&answers, 202, (503, "COMMON_9008")), 16);
    let token = server.mailed_token(EMAIL);
    reset(&client, &token, NEW).await.expect(200);
    server.wait_for_mail(EMAIL, "was changed");
    assert_eq!(count_mails(&server, EMAIL, "?token="), 1);
}
