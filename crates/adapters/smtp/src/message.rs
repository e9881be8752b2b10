//! From the domain's mail to what stands on the wire (RFC 5322, MIME).

use chrono::{DateTime, Utc};
use email_encoding::headers::{rfc2047, writer::EmailWriter};
use lettre::{
    Address, Message,
    address::AddressError,
    message::{
        Body, Mailbox, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
};
use portcullis_domain::port::{Entropy, Mail, MailError};
use uuid::Uuid;

const SUBJECT: &str = "Subject";
/// In bytes, without the line's end (RFC 5322 §2.1.1).
const LONGEST_LINE: usize = 998;
/// What an encoded word begins with (RFC 2047 §2).
const ENCODED_WORD: &str = "=?";

/// What a mail is told from others by.
pub(crate) fn new_id(entropy: &dyn Entropy, now: DateTime<Utc>) -> Uuid {
    let mut random = [0; 10];
    entropy.fill(&mut random);
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// Where a mail goes, and so what it may be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Into a file: whatever can stay as it is does, so that simple tools can read it.
    File,
    /// To a server: ASCII alone, which every server takes.
    Wire,
}

/// Composes a mail. Subjects, texts and HTML in any script are encoded as they must be.
pub(crate) fn compose(
    mail: &Mail,
    from: &Mailbox,
    now: DateTime<Utc>,
    id: Uuid,
    way: Way,
) -> Result<Message, MailError> {
    let builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, recipient(mail, way)?))
        .raw_header(subject(&mail.subject))
        .date(now.into())
        .message_id(Some(format!("<{id}@{}>", from.email.domain())));
    let part = |kind, text: &str| SinglePart::builder().header(kind).body(encoded(text, way));
    let text = part(ContentType::TEXT_PLAIN, &mail.text);
    match &mail.html {
        None => builder.singlepart(text),
        // The last of alternatives is the one to prefer (RFC 2046 §5.1.4). Nobody who writes a text knows the id.
        Some(html) => builder.multipart(
            MultiPart::alternative()
                .boundary(format!("part-{}", id.simple()))
                .singlepart(text)
                .singlepart(part(ContentType::TEXT_HTML, html)),
        ),
    }
    .map_err(refused)
}

/// The address as its server knows it: mail for `jane@müller.example` goes to `xn--mller-kva.example`.
fn recipient(mail: &Mail, way: Way) -> Result<Address, MailError> {
    let address: Address = mail.to.as_str().parse().map_err(refused)?;
    match way {
        Way::File => Ok(address),
        Way::Wire => on_the_wire(&address).map_err(refused),
    }
}

/// An address with its domain as DNS has it.
pub(crate) fn on_the_wire(address: &Address) -> Result<Address, AddressError> {
    let domain = idna::domain_to_ascii(address.domain()).map_err(|_| AddressError::InvalidDomain)?;
    Address::new(address.user(), domain)
}

/// The plainest encoding that carries the text that way: as it is wherever its lines are no longer than mail allows.
fn encoded(text: &str, way: Way) -> Body {
    let lines = text.replace("\r\n", "\n");
    let fits = !lines.contains(['\r', '\0']) && lines.split('\n').all(|line| line.len() <= LONGEST_LINE);
    let encoding = match way {
        _ if !fits => return Body::new(text.to_owned()),
        _ if text.is_ascii() => ContentTransferEncoding::SevenBit,
        Way::File => ContentTransferEncoding::EightBit,
        Way::Wire => return Body::new(text.to_owned()),
    };
    // The library would fold what is longer than a screen is wide, and links with it.
    Body::dangerous_pre_encoded(lines.replace('\n', "\r\n").into_bytes(), encoding)
}

/// A header is one line: whatever would end it, or act on a terminal, becomes a space.
fn subject(text: &str) -> HeaderValue {
    let text = text.replace(char::is_control, " ");
    let name = HeaderName::new_from_ascii_str(SUBJECT);
    if !text.contains(ENCODED_WORD) {
        return HeaderValue::new(name, text);
    }
    // The mail library encodes what is not ASCII, and this is: its reader would decode what nobody encoded.
    let mut encoded = String::new();
    rfc2047::encode(&text, &mut EmailWriter::new(&mut encoded, SUBJECT.len() + ": ".len(), 0, false))
        .expect("a string takes any text");
    HeaderValue::dangerous_new_pre_encoded(name, text, encoded)
}

fn refused(error: impl std::error::Error + Send + Sync + 'static) -> MailError {
    MailError::Refused(Box::new(error))
}

#[cfg(test)]
mod tests {
    use mailparse::MailHeaderMap;
    use portcullis_domain::value::Email;

    use super::*;

    fn mail(subject: &str, text: &str) -> Mail {
        let (subject, text) = (subject.to_owned(), text.to_owned());
        Mail { to: Email::new("jane@example.com"), subject, text, html: None }
    }

    fn formatted_for(mail: &Mail, way: Way) -> String {
        let from = "Portcullis <portcullis@localhost>".parse().expect("a mailbox");
        let now = DateTime::from_timestamp(1_769_846_400, 0).expect("a time");
        let message = compose(mail, &from, now, Uuid::from_u128(1), way).expect("composes");
        String::from_utf8(message.formatted()).expect("text")
    }

    fn formatted(mail: &Mail) -> String {
        formatted_for(mail, Way::File)
    }

    /// The subject and text that a mail program shows.
    fn read(eml: &str) -> (String, String) {
        let read = mailparse::parse_mail(eml.as_bytes()).expect("a mail");
        let subject = read.headers.get_first_value("Subject").expect("a subject");
        let text = read.get_body().expect("a text").replace("\r\n", "\n");
        (subject, text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
    }

    #[test]
    fn a_mail_has_the_headers_of_a_mail() {
        let expected = "From: Portcullis <portcullis@localhost>\r\n\
            To: jane@example.com\r\n\
            Subject: Verify your address\r\n\
            Date: Sat, 31 Jan 2026 08:00:00 +0000\r\n\
            Message-ID: <00000000-0000-0000-0000-000000000001@localhost>\r\n\
            MIME-Version: 1.0\r\n\
            Content-Type: text/plain; charset=utf-8\r\n\
            Content-Transfer-Encoding: 7bit\r\n\
            \r\n\
            Hello!\r\n\
            Code: 123456\r\n";
        assert_eq!(formatted(&mail("Verify your address", "Hello!\nCode: 123456")), expected);
    }

    #[test]
    fn subject_and_text_arrive_as_given_in_any_script() {
        let long = "x".repeat(3000);
        for (subject, text) in [
            ("Prüfe deine Adresse", "Grüße!\nCode: 123456"),
            ("メールアドレスの確認", "こんにちは。\nCode: 123456\n👋🏽"),
            ("تحقق من عنوانك", "مرحبا\n\nCode: 123456"),
            ("a =?utf-8?q?trick?= of encodings", "=?utf-8?q?trick?=\n.\n..\nFrom here =20"),
            (
                "a long subject whose words must be folded over more than one line of the header, I think",
                &long,
            ),
            ("Überlänge", &format!("ä{long}\nCode: 123456")),
        ] {
            for way in [Way::File, Way::Wire] {
                let eml = formatted_for(&mail(subject, text), way);
                assert_eq!(read(&eml), (subject.to_owned(), text.to_owned()), "{way:?}");
                assert!(way == Way::File || eml.is_ascii(), "{eml}");
                assert!(eml.lines().all(|line| line.len() <= 998), "{eml}");
            }
        }
    }

    #[test]
    fn html_goes_beside_the_text_as_the_form_to_prefer() {
        let html = "<p>Код: <b>123456</b></p>";
        let mail = Mail { html: Some(html.to_owned()), ..mail("subject", "Код: 123456") };
        for way in [Way::File, Way::Wire] {
            let eml = formatted_for(&mail, way);
            let read = mailparse::parse_mail(eml.as_bytes()).expect("a mail");
            assert_eq!(read.ctype.mimetype, "multipart/alternative");
            let parts: Vec<_> = read
                .subparts
                .iter()
                .map(|part| {
                    (part.ctype.mimetype.as_str(), part.get_body().expect("a text").trim_end().to_owned())
                })
                .collect();
            let expected = [("text/plain", "Код: 123456".to_owned()), ("text/html", html.to_owned())];
            assert_eq!(parts, expected, "{eml}");
            assert_eq!(eml.is_ascii(), way == Way::Wire);
        }
    }

    #[test]
    fn a_text_in_any_script_is_readable_in_the_file() {
        let link = format!("Ссылка:\nhttps://id.example.com/?token={}", "x".repeat(900));
        for text in
            ["Hello!\nCode: 123456", "Grüße!\nCode: 123456", "こんにちは。\nCode: 123456", &link, &link[13..]]
        {
            let eml = formatted(&mail("s", text));
            assert!(eml.contains(&text.replace('\n', "\r\n")), "{eml}");
        }
    }

    #[test]
    fn a_subject_cannot_inject_a_header() {
        for end in ["\r\n", "\n", "\r", "\r\n\r\n", "\0\r\n", "\u{85}", "\u{2028}", "é\r\n"] {
            let subject = format!("Hello{end}Bcc: mallory@example.com{end} folded");
            let eml = formatted(&mail(&subject, "text"));
            let read = mailparse::parse_mail(eml.as_bytes()).expect("a mail");
            assert_eq!(read.headers.get_first_value("Bcc"), None, "{eml}");
            assert_eq!(read.headers.len(), 8, "{eml}");
            assert!(!eml.lines().any(|line| line.starts_with("Bcc")), "{eml}");
            assert_eq!(read.get_body().expect("a text").trim_end(), "text");
        }
    }

    #[test]
    fn an_address_that_no_mail_can_be_sent_to_is_refused() {
        for address in
            ["", "jane", "jane@", "jane@example.com\r\nBcc: mallory@example.com", "a b@example.com"]
        {
            let mail = Mail { to: Email::new(address), ..mail("subject", "text") };
            let from = "portcullis@localhost".parse().expect("a mailbox");
            let composed = compose(&mail, &from, DateTime::UNIX_EPOCH, Uuid::nil(), Way::Wire);
            assert!(matches!(composed, Err(MailError::Refused(_))), "{address:?}");
        }
    }

    #[test]
    fn every_address_that_the_domain_parses_can_be_sent_to() {
        for address in
            ["jane.doe+news@example.com", "o'neil@example.co.uk", "josé@example.com", "jane@müller.example"]
        {
            let to = Email::parse(address).expect("an address");
            let eml = formatted(&Mail { to, ..mail("subject", "text") });
            assert!(eml.contains(&format!("\r\nTo: {address}\r\n")), "{eml}");
        }
    }

    #[test]
    fn a_server_gets_the_domain_as_it_knows_it() {
        let mail = Mail { to: Email::new("jane@müller.example"), ..mail("subject", "text") };
        let eml = formatted_for(&mail, Way::Wire);
        assert!(eml.contains("\r\nTo: jane@xn--mller-kva.example\r\n"), "{eml}");
    }
}
