use portcullis_domain::{port::Mail, value::Email};

use crate::{Delivered, MailerHarness};

const TO: &str = "jane.doe@example.com";

fn mail(subject: &str, text: &str) -> Mail {
    Mail { to: Email::new(TO), subject: subject.to_owned(), text: text.to_owned(), html: None }
}

/// Line ends in one convention, and none at the end, where transports add one.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").trim_end_matches('\n').to_owned()
}

/// Sends one mail and reads what arrived.
async fn send<H: MailerHarness>(mail: &Mail) -> Delivered {
    let harness = H::start().await;
    harness.mailer().send(mail).await.expect("the mail is taken over");
    let mut delivered = harness.delivered().await;
    assert_eq!(delivered.len(), 1, "mails for one that was sent");
    delivered.remove(0)
}

async fn check_arrives<H: MailerHarness>(subject: &str, text: &str) {
    let delivered = send::<H>(&mail(subject, text)).await;
    assert_eq!(delivered.to, [TO]);
    assert_eq!(delivered.subject, subject);
    assert_eq!(lines(&delivered.text), lines(text));
}

/// A mail whose HTML says more than its text, so that neither can stand in for the other.
async fn check_arrives_with_html<H: MailerHarness>(text: &str, html: &str) {
    let mail = Mail { html: Some(html.to_owned()), ..mail("Subject", text) };
    let delivered = send::<H>(&mail).await;
    assert_eq!(delivered.subject, "Subject");
    assert_eq!(lines(&delivered.text), lines(text));
    assert_eq!(delivered.html.as_deref().map(lines), Some(lines(html)));
}

/// Each once, in their order.
pub async fn every_mail_that_was_taken_over_arrives_once<H: MailerHarness>() {
    let harness = H::start().await;
    let mailer = harness.mailer();
    for number in 0..20 {
        mailer.send(&mail(&format!("Mail {number}"), "Text")).await.expect("the mail is taken over");
    }
    let mut subjects: Vec<_> = harness.delivered().await.into_iter().map(|mail| mail.subject).collect();
    let mut expected: Vec<_> = (0..20).map(|number| format!("Mail {number}")).collect();
    subjects.sort();
    expected.sort();
    assert_eq!(subjects, expected);
}

/// Sent at once, too.
pub async fn mails_sent_together_are_not_mixed_up<H: MailerHarness>() {
    let harness = H::start().await;
    let mailer = harness.mailer();
    crate::race::race(16, |number| {
        let (mailer, mail) = (mailer.clone(), mail(&format!("Mail {number}"), &format!("Text {number}")));
        async move { mailer.send(&mail).await.expect("the mail is taken over") }
    })
    .await;
    let delivered = harness.delivered().await;
    assert_eq!(delivered.len(), 16);
    for mail in delivered {
        assert_eq!(lines(&mail.text), mail.subject.replace("Mail", "Text"));
    }
}

/// In Korean, Russian, Arabic and pictures; long enough that headers are folded.
pub async fn subject_and_text_arrive_in_any_script<H: MailerHarness>() {
    for text in [
        "인증 코드",
        "Код подтверждения",
        "رمز التحقق",
        "😀 \u{1f469}\u{200d}\u{1f4bb}",
        "e\u{301} \u{e9}",
        "=?utf-8?q?x?=",
    ] {
        check_arrives::<H>(text, &format!("{text}\n\n{text}: 123456\n")).await;
        let long = [text; 12].join(" ");
        check_arrives::<H>(&long, &long).await;
    }
}

/// Whatever of both is plain ASCII, long, or looks like what stands between the parts of a mail.
pub async fn html_arrives_beside_the_text_in_any_script<H: MailerHarness>() {
    for (text, html) in [
        ("Code: 123456", "<!doctype html>\n<p style=\"color: #1a2b3c\">Code: <b>123456</b></p>\n"),
        ("인증 코드", "<p lang=ko>인증 코드 &amp; 링크</p>"),
        ("plain", "<p>Код подтверждения</p>\n<p>=D0=BA</p>"),
        ("رمز التحقق", "<p>plain = ascii</p>"),
        ("--boundary\n--\n", "--boundary--\n.\n<p>x</p>"),
        ("short", &format!("<p>{}</p>", "long ".repeat(1_000))),
    ] {
        check_arrives_with_html::<H>(text, html).await;
    }
}

/// Not by a guess at it, and not even where it looks like HTML.
pub async fn a_text_without_html_is_not_made_html<H: MailerHarness>() {
    for text in ["Text", "<p>Text</p>", "텍스트"] {
        let delivered = send::<H>(&mail("Subject", text)).await;
        assert_eq!(lines(&delivered.text), text);
        assert_eq!(delivered.html, None, "{text}");
    }
}

/// SMTP allows 998 characters a line.
pub async fn lines_of_any_length_arrive<H: MailerHarness>() {
    for letter in ["x", "한", "a b"] {
        check_arrives::<H>("Long", &format!("before\n{}\nafter", letter.repeat(5_000))).await;
    }
}

/// A line that is a dot ends a mail, where it is not escaped; "From " starts the next one in a mailbox file.
pub async fn lines_that_mean_something_to_transports_arrive<H: MailerHarness>() {
    let text =
        "first\n.\n..\n.dot\n...\nFrom here\n>From\n--\n-- \nBcc: x@example.com\n\nQUIT\n=3D =\n\ttab\nlast";
    check_arrives::<H>("Dots", text).await;
}

/// It is refused, or it arrives without them: nothing in a subject becomes a header, an address or a text.
pub async fn line_ends_in_a_subject_make_no_headers<H: MailerHarness>() {
    for end in ["\r\n", "\n", "\r", "\r\n ", "\u{2028}", "\0"] {
        let subject = format!("Hello{end}Bcc: mallory@example.com{end}X-Injected: yes{end}{end}Forged text");
        let harness = H::start().await;
        let outcome = harness.mailer().send(&mail(&subject, "Text")).await;
        let delivered = harness.delivered().await;
        assert_eq!(delivered.len(), usize::from(outcome.is_ok()), "{end:?}: {outcome:?}");
        for mail in delivered {
            assert_eq!(mail.to, [TO], "{end:?}");
            assert_eq!(lines(&mail.text), "Text", "{end:?}");
            let injected = |name: &String| ["bcc", "x-injected"].contains(&name.to_lowercase().as_str());
            assert!(!mail.headers.iter().any(injected), "{end:?}: {:?}", mail.headers);
        }
    }
}

/// A text that says what headers say stays a text.
pub async fn an_empty_text_and_an_empty_subject_arrive<H: MailerHarness>() {
    check_arrives::<H>("", "Text").await;
    check_arrives::<H>("Subject", "").await;
}
