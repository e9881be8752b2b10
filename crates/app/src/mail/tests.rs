use portcullis_domain::value::{Email, Language, Secret};
use url::Url;

use super::*;

const HOSTILE: &str = "<b>Acme</b> \"'&\r\nBcc: x@evil.example https://evil.example/{{ 7*7 }}\u{202e}";

fn composer() -> Composer {
    let base = Url::parse("https://id.example.com").expect("a URL");
    Composer { app_name: "Portcullis".to_owned(), links: Links::new(&base, true) }
}

/// Every kind of letter, under its name.
fn letters<'a>(code: &'a Secret, token: &'a Secret, company: &'a str) -> Vec<(&'static str, Letter<'a>)> {
    let until = DateTime::from_timestamp(1_769_848_200, 0).expect("a time");
    vec![
        ("verification", Letter::Verification { code, until }),
        ("password_reset", Letter::PasswordReset { token, until }),
        ("invitation", Letter::Invitation { company, code: token, until }),
        ("password_changed", Letter::PasswordChanged { at: until }),
        ("account_locked", Letter::AccountLocked { until }),
    ]
}

fn each_mail(company: &str, check: impl Fn(Language, &str, &Mail)) {
    let (code, token) = (Secret::new("123456"), Secret::new("hZ0x_-8Qm3T1kYb5LwPo2g"));
    for language in Language::ALL {
        for (name, letter) in letters(&code, &token, company) {
            let mail = composer().compose(Email::new("jane.doe+news@example.com"), *language, &letter);
            check(*language, name, &mail);
        }
    }
}

fn html(mail: &Mail) -> &str {
    mail.html.as_deref().expect("every mail has HTML")
}

#[test]
fn mails_say_in_each_language_what_they_must() {
    each_mail("Smith & Sons, Inc.", |language, name, mail| {
        let shown = format!("Subject: {}\n\n{}\n==== HTML ====\n{}", mail.subject, mail.text, html(mail));
        insta::assert_snapshot!(format!("{name}_{}", language.as_str()), shown);
    });
}

#[test]
fn text_and_html_hold_the_same_code_and_the_same_link() {
    each_mail("Acme", |language, name, mail| {
        let link = mail.text.lines().find(|line| line.starts_with("https://id.example.com/console/"));
        let link = link.unwrap_or_else(|| panic!("{name} in {language:?} has a link on a line of its own"));
        assert!(html(mail).contains(&format!("href=\"{}\"", link.replace('&', "&#38;"))), "{name}: {link}");
        match name {
            "verification" => {
                assert!(link.ends_with("/verify-email?email=jane.doe%2Bnews%40example.com&code=123456"));
                assert!(mail.text.contains(": 123456\n") && html(mail).contains(">123456</p>"));
            }
            "password_reset" => assert!(link.ends_with("/password/reset?token=hZ0x_-8Qm3T1kYb5LwPo2g")),
            "invitation" => {
                assert!(link.ends_with("/invitation?code=hZ0x_-8Qm3T1kYb5LwPo2g"));
                assert!(mail.text.contains(": hZ0x_-8Qm3T1kYb5LwPo2g\n"));
            }
            _ => assert!(link.ends_with("/password/reset"), "{name}: {link}"),
        }
    });
}

#[test]
fn the_code_is_the_only_word_of_six_digits() {
    each_mail("Acme", |_, name, mail| {
        for text in [&mail.subject, &mail.text, html(mail)] {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let codes =
                words.filter(|word| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit()));
            assert!(codes.clone().all(|code| code == "123456"), "{name}: {:?}", codes.collect::<Vec<_>>());
        }
    });
}

#[test]
fn the_english_code_stands_on_a_line_that_tools_find() {
    each_mail("Acme", |language, name, mail| {
        let has_line = mail.text.lines().any(|line| line == "Code: 123456");
        assert_eq!(has_line, language == Language::En && name == "verification");
        if language == Language::En {
            assert!(mail.text.is_ascii() && html(mail).is_ascii(), "it stays as it is in every mail system");
        }
    });
}

#[test]
fn a_hostile_name_is_shown_and_does_nothing() {
    each_mail(HOSTILE, |_, name, mail| {
        for text in [&mail.subject, &mail.text, html(mail)] {
            for trick in ["https://evil", "@evil", "evil.example", "\u{202e}", "49"] {
                assert!(!text.contains(trick), "{name} holds {trick}: {text}");
            }
        }
        assert!(!mail.subject.contains(['\r', '\n']), "{:?}", mail.subject);
        assert!(!mail.text.contains("\nBcc"), "{}", mail.text);
        assert!(!html(mail).contains("<b>"), "{}", html(mail));
        assert_eq!(html(mail).contains("&#60;b&#62;Acme"), name == "invitation");
    });
}

#[test]
fn html_is_simple_and_asks_nobody_for_anything() {
    each_mail("Acme", |language, name, mail| {
        let html = html(mail);
        for remote in ["<img", "<link", "<script", "url(", "@import", "http:", "src=", "<style"] {
            assert!(!html.contains(remote), "{name} holds {remote}");
        }
        assert_eq!(html.matches("https://").count(), 1, "the link alone");
        assert!(html.contains(&format!("<html lang=\"{}\">", language.as_str())));
        assert!(html.contains("<meta name=\"color-scheme\" content=\"light dark\">"));
        assert!(html.lines().all(|line| line.len() < 900), "lines fit into mails as they are");
    });
}
