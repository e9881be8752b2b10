//! What mails say, one language a file.

mod en;
mod ko;
mod ru;

use portcullis_domain::value::{Language, Secret};

use super::{Letter, name::harmless};

/// The words of one mail; the templates put them in their places.
pub(super) struct Words {
    pub(super) subject: String,
    /// What comes first.
    pub(super) lead: Vec<String>,
    /// What the reader types in.
    pub(super) code: Option<Code>,
    /// What the reader may open.
    pub(super) action: Action,
    /// What is to be known besides.
    pub(super) notes: Vec<String>,
    pub(super) footer: String,
}

/// A code under its name.
pub(super) struct Code {
    pub(super) label: &'static str,
    pub(super) value: String,
}

/// A link.
pub(super) struct Action {
    /// What leads to it in a text.
    pub(super) lead: &'static str,
    /// What stands on it in HTML.
    pub(super) label: &'static str,
    pub(super) url: String,
}

impl Code {
    fn new(label: &'static str, value: &Secret) -> Self {
        Self { label, value: value.expose().to_owned() }
    }

    /// Whether it is to be typed by hand.
    pub(super) const fn is_short(&self) -> bool {
        self.value.len() <= 8
    }
}

impl Action {
    const fn new(lead: &'static str, label: &'static str, url: String) -> Self {
        Self { lead, label, url }
    }
}

/// The words of a letter. A company's name comes from whoever registered it.
pub(super) fn of(language: Language, app: &str, letter: &Letter<'_>, link: String) -> Words {
    match language {
        Language::En => en::words(app, letter, link),
        Language::Ko => ko::words(app, letter, link),
        Language::Ru => ru::words(app, letter, link),
    }
}

/// A moment, written alike in every language.
fn moment(at: chrono::DateTime<chrono::Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}
