//! Mail to servers that are well, that refuse, and that are not there.

use std::{io::Write as _, sync::Arc, time::Duration};

use portcullis_domain::{
    port::{Mail, MailError, Mailer},
    testing::{ManualClock, SeededEntropy},
    value::Email,
};
use portcullis_smtp::{CheckError, Options, SetUpError, Smtp};
use tempfile::NamedTempFile;

use crate::server::{Identity, Manners, Server, mailer, read};

fn mail_to(address: &str) -> Mail {
    let (subject, text) = ("Subject".to_owned(), "Code: 123456\n".to_owned());
    Mail { to: Email::new(address), subject, text, html: Some("<p>Code: 123456</p>".to_owned()) }
}

fn mail() -> Mail {
    mail_to("jane@example.com")
}

#[track_caller]
fn assert_unavailable(sent: &Result<(), MailError>) {
    assert!(matches!(sent, Err(MailError::Unavailable(_))), "{sent:?}");
}

#[track_caller]
fn assert_refused(sent: &Result<(), MailError>) {
    assert!(matches!(sent, Err(MailError::Refused(_))), "{sent:?}");
}

/// A file with the certificate that is to be trusted.
fn trusted(identity: &Identity) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(identity.pem.as_bytes()).expect("written");
    file
}

#[tokio::test]
async fn mails_go_over_one_connection_with_sender_and_recipient_in_the_envelope() {
    let server = Server::start(Manners::default()).await;
    let mailer = server.mailer();
    for _ in 0..3 {
        mailer.send(&mail()).await.expect("sent");
    }
    let taken = server.taken();
    assert_eq!(taken.len(), 3);
    for taken in taken {
        assert_eq!(
            (taken.from.as_str(), taken.to.as_slice()),
            ("portcullis@localhost", &["jane@example.com".to_owned()][..])
        );
        assert_eq!(taken.connection, 1);
        assert!(!taken.encrypted);
    }
}

#[tokio::test]
async fn a_connection_that_the_server_gave_up_is_replaced() {
    let server = Server::start(Manners::default()).await;
    let mailer = server.mailer();
    mailer.send(&mail()).await.expect("sent");
    let port = server.port;
    server.stop().await;
    assert_unavailable(&mailer.send(&mail()).await);
    let server = Server::start_at(port, Manners::default()).await;
    mailer.send(&mail()).await.expect("sent again");
    assert_eq!(server.taken().len(), 1);
}

#[tokio::test]
async fn with_starttls_everything_goes_encrypted_and_signed_in() {
    let identity = Identity::new();
    let file = trusted(&identity);
    let login = Some(("jane@example.com", "p/ss w"));
    let server = Server::start(Manners { identity: Some(identity), login, ..Manners::default() }).await;
    let url = |query: &str| {
        let (port, file) = (server.port, file.path().display());
        format!("smtp://jane%40example.com:p%2Fss%20w@localhost:{port}?{query}cafile={file}")
    };
    for query in ["", "tls=required&", "tls=opportunistic&"] {
        mailer(&url(query)).send(&mail()).await.expect("sent");
    }
    let taken = server.taken();
    assert_eq!(taken.len(), 3);
    assert!(taken.iter().all(|taken| taken.encrypted && taken.user.as_deref() == Some("jane@example.com")));
}

#[tokio::test]
async fn smtps_is_encrypted_from_the_first_byte() {
    let identity = Identity::new();
    let file = trusted(&identity);
    let manners = Manners { identity: Some(identity), wrapped: true, ..Manners::default() };
    let server = Server::start(manners).await;
    let mailer = mailer(&format!("smtps://localhost:{}?cafile={}", server.port, file.path().display()));
    mailer.check().await.expect("well");
    mailer.send(&mail()).await.expect("sent");
    assert!(server.taken()[0].encrypted);
}

#[tokio::test]
async fn tls_that_is_asked_for_and_not_offered_keeps_every_mail_back() {
    let server = Server::start(Manners::default()).await;
    let mailer = mailer(&format!("smtp://localhost:{}?tls=required", server.port));
    let checked = mailer.check().await.expect_err("no TLS");
    assert!(matches!(checked, CheckError::NoTls { .. }) && !checked.is_outage(), "{checked:?}");
    assert_unavailable(&mailer.send(&mail()).await);
    assert_eq!(server.taken(), []);
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_keeps_every_mail_back() {
    let (identity, other) = (Identity::new(), Identity::new());
    let file = trusted(&other);
    for wrapped in [false, true] {
        let manners = Manners { identity: Some(identity.clone()), wrapped, ..Manners::default() };
        let server = Server::start(manners).await;
        let scheme = if wrapped { "smtps" } else { "smtp" };
        for query in [String::new(), format!("?cafile={}", file.path().display())] {
            let mailer = mailer(&format!("{scheme}://localhost:{}{query}", server.port));
            let checked = mailer.check().await.expect_err("not trusted");
            assert!(matches!(checked, CheckError::Tls { .. }) && !checked.is_outage(), "{checked:?}");
            assert_unavailable(&mailer.send(&mail()).await);
        }
        assert_eq!(server.taken(), []);
    }
}

#[tokio::test]
async fn a_wrong_password_keeps_every_mail_back_and_is_not_shown() {
    let server = Server::start(Manners { login: Some(("jane", "secret")), ..Manners::default() }).await;
    let mailer = mailer(&format!("smtp://jane:hunter2@localhost:{}", server.port));
    let checked = mailer.check().await.expect_err("a wrong password");
    assert!(matches!(checked, CheckError::Credentials { .. }) && !checked.is_outage(), "{checked:?}");
    let sent = mailer.send(&mail()).await;
    assert_unavailable(&sent);
    let shown = format!("{checked} {checked:?} {sent:?} {mailer:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn a_refused_recipient_is_the_mails_fault_and_the_next_mail_goes() {
    let says = vec![("RCPT TO:<gone", "550 5.1.1 no such mailbox")];
    let server = Server::start(Manners { says, ..Manners::default() }).await;
    let mailer = server.mailer();
    assert_refused(&mailer.send(&mail_to("gone@example.com")).await);
    mailer.send(&mail()).await.expect("sent");
    assert_eq!(server.taken().len(), 1);
}

#[tokio::test]
async fn a_mail_that_is_refused_whole_is_refused() {
    let server = Server::start(Manners { says: vec![("DATA", "554 5.6.0 no")], ..Manners::default() }).await;
    assert_refused(&server.mailer().send(&mail()).await);
}

#[tokio::test]
async fn what_is_no_fault_of_the_mail_makes_mail_unavailable() {
    for says in [
        ("RCPT", "450 4.2.1 try later"),
        ("RCPT", "421 4.3.2 closing"),
        ("DATA", "451 4.3.0 try later"),
        ("MAIL", "452 4.3.1 full"),
        ("MAIL", "550 5.7.1 not from you"),
        ("EHLO", "554 5.7.1 not from your address"),
        ("RCPT", "gibberish"),
    ] {
        let server = Server::start(Manners { says: vec![says], ..Manners::default() }).await;
        assert_unavailable(&server.mailer().send(&mail()).await);
        assert_eq!(server.taken(), [], "{says:?}");
    }
}

#[tokio::test]
async fn an_address_beyond_ascii_goes_where_the_server_knows_such_and_is_refused_elsewhere() {
    let mail = mail_to("josé@müller.example");
    let server = Server::start(Manners::default()).await;
    assert_refused(&server.mailer().send(&mail).await);
    let offers = vec!["8BITMIME", "SMTPUTF8"];
    let server = Server::start(Manners { offers, ..Manners::default() }).await;
    server.mailer().send(&mail).await.expect("sent");
    let taken = server.taken();
    assert_eq!(taken[0].to, ["josé@xn--mller-kva.example"]);
    assert_eq!(read(&taken[0].mail).to, ["josé@xn--mller-kva.example"]);
}

#[tokio::test]
async fn a_dead_server_is_an_outage_and_a_silent_one_too_within_the_deadline() {
    let server = Server::start(Manners::default()).await;
    let dead = server.mailer();
    server.stop().await;
    let checked = dead.check().await.expect_err("gone");
    assert!(checked.is_outage(), "{checked:?}");
    assert!(!dead.is_up().await);
    assert_unavailable(&dead.send(&mail()).await);

    for silent_at in ["EHLO", "MAIL", "DATA"] {
        let server = Server::start(Manners { silent_at: Some(silent_at), ..Manners::default() }).await;
        let started = std::time::Instant::now();
        assert_unavailable(&server.mailer().send(&mail()).await);
        let taken = started.elapsed();
        assert!(taken >= Duration::from_secs(2) && taken < Duration::from_secs(20), "{silent_at}: {taken:?}");
    }
}

#[tokio::test]
async fn a_reply_that_came_too_late_is_never_taken_for_that_of_the_next_mail() {
    let server = Server::start(Manners { silent_at: Some("DATA"), ..Manners::default() }).await;
    let mailer = server.mailer();
    assert_unavailable(&mailer.send(&mail()).await);
    assert_unavailable(&mailer.send(&mail()).await);
    assert_eq!(server.taken(), []);
}

#[tokio::test]
async fn a_server_that_comes_back_is_up() {
    let server = Server::start(Manners::default()).await;
    let mailer = server.mailer();
    assert!(mailer.is_up().await);
    let port = server.port;
    server.stop().await;
    assert_unavailable(&mailer.send(&mail()).await);
    assert!(!mailer.is_up().await, "as the mail found it");
    let _server = Server::start_at(port, Manners::default()).await;
    mailer.send(&mail()).await.expect("sent");
    assert!(mailer.is_up().await);
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_by_name() {
    let new = |url: &str, from: &str| {
        let (clock, entropy) = (Arc::new(ManualClock::new()), Arc::new(SeededEntropy::new(1)));
        Smtp::new(url, from, clock, entropy, Options::default())
    };
    assert!(matches!(new("http://a", "a@b"), Err(SetUpError::Url(_))));
    assert!(matches!(new("smtp://a", "nobody"), Err(SetUpError::Sender(..))));
    let error = new("smtps://a?cafile=/nowhere/ca.pem", "a@b").expect_err("no such file").to_string();
    assert_eq!(error, "the trusted certificates in /nowhere/ca.pem cannot be read");
}
