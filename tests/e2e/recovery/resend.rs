use super::{EMAIL, count_mails, resend, token, verify};
use crate::{client::Client, server::Server};

#[tokio::test(flavor = "multi_thread")]
async fn another_code_is_not_sent_within_a_minute_and_the_answer_says_nothing_of_it() {
    let server = Server::start();
    let client = Client::of(&server);
    client.register(EMAIL).await.expect(201);
    let code = server.mailed_code(EMAIL);
    let first = resend(&client, EMAIL).await;
    for email in [EMAIL, "nobody@example.com", "no address", ""] {
        assert_eq!(resend(&client, email).await.expect(202), first.expect(202), "{email}");
    }
    // The code that was sent is still the one.
    verify(&client, EMAIL, &code).await.expect(200);
    resend(&client, EMAIL).await.expect(202);
    let token = token(&server, &client).await;
    assert!(!token.is_empty(), "what was asked for later has come");
    assert_eq!(count_mails(&server, EMAIL, "Code: "), 1);
}

/// Who registered while nobody had to verify anything has never been sent a code.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_never_sent_a_code_gets_one() {
    let server = Server::start_with(&[("ENABLE_EMAIL_VERIFICATION", "false")]);
    let client = Client::of(&server);
    client.register(EMAIL).await.expect(201);
    assert_eq!(server.find_code(EMAIL), None);
    resend(&client, EMAIL).await.expect(202);
    verify(&client, EMAIL, &server.mailed_code(EMAIL)).await.expect(200);
}
