//! The mails that people get: what each says, in their language, as text and as HTML.

mod copy;
mod link;
mod name;
#[cfg(test)]
mod tests;
mod words;

use askama::Template;
use chrono::{DateTime, Utc};
pub(crate) use copy::MailCopies;
use portcullis_domain::{
    port::Mail,
    value::{Email, Language, Secret},
};

pub(crate) use link::Links;

use words::Words;

/// What a mail is about, with everything in it that is not the same in every mail of its kind.
pub(crate) enum Letter<'a> {
    /// The code that shows that an address is its owner's own.
    Verification { code: &'a Secret, until: DateTime<Utc> },
    /// The way to a new password for who forgot the old one.
    PasswordReset { token: &'a Secret, until: DateTime<Utc> },
    /// An invitation to a company.
    Invitation { company: &'a str, code: &'a Secret, until: DateTime<Utc> },
    /// That there is a new password.
    PasswordChanged { at: DateTime<Utc> },
    /// That sign-ins are refused for a while.
    AccountLocked { until: DateTime<Utc> },
}

/// Writes mails in the name of this installation.
pub(crate) struct Composer {
    pub(crate) app_name: String,
    pub(crate) links: Links,
}

#[derive(Template)]
#[template(path = "mail.txt")]
struct Text<'a> {
    words: &'a Words,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct Html<'a> {
    language: &'static str,
    words: &'a Words,
}

impl Composer {
    /// The mail.
    pub(crate) fn compose(&self, to: Email, language: Language, letter: &Letter<'_>) -> Mail {
        let link = self.link_of(letter, &to);
        let words = words::of(language, &self.app_name, letter, link);
        let text = Text { words: &words }.render().expect("texts are written into a string");
        let html = Html { language: language.as_str(), words: &words };
        let html = html.render().expect("texts are written into a string");
        Mail { to, subject: words.subject, text, html: Some(html) }
    }

    fn link_of(&self, letter: &Letter<'_>, to: &Email) -> String {
        let links = &self.links;
        match letter {
            Letter::Verification { code, .. } => links.verify_email(to, code),
            Letter::PasswordReset { token, .. } => links.reset_password(Some(token)),
            Letter::Invitation { code, .. } => links.invitation(code),
            Letter::PasswordChanged { .. } | Letter::AccountLocked { .. } => links.reset_password(None),
        }
    }
}
