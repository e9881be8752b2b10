use thiserror::Error;
use unicode_normalization::char::is_combining_mark;

use super::CompanyName;

const LENGTH: std::ops::RangeInclusive<usize> = 2..=100;

/// A person's name: 2 to 100 characters, letters, digits, spaces and `.'-` of any script.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonName(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PersonNameError {
    /// Too short or too long.
    #[error("must be 2 to 100 characters")]
    Length,
    /// A character outside the set.
    #[error("may hold only letters, digits, spaces, '.', ''' and '-'")]
    Character,
}

impl PersonName {
    /// Parses untrusted text; spaces around it are dropped.
    pub fn parse(text: &str) -> Result<Self, PersonNameError> {
        let text = text.trim_matches(' ');
        if !LENGTH.contains(&text.chars().count()) {
            return Err(PersonNameError::Length);
        }
        // Combining marks carry the vowels of many scripts; a mark without its letter is caught by the first character.
        let allowed = |c: char| c.is_alphanumeric() || is_combining_mark(c) || " .'-\u{2019}".contains(c);
        if !text.chars().all(allowed) || text.starts_with(is_combining_mark) {
            return Err(PersonNameError::Character);
        }
        Ok(Self(text.to_owned()))
    }

    /// Wraps a name that was parsed before.
    pub fn new(trusted: impl Into<String>) -> Self {
        Self(trusted.into())
    }

    /// The name of an account that is registered for a company and names nobody: the company's own, in all the characters that companies
    /// have in their names.
    pub fn of_company(name: &CompanyName) -> Self {
        Self(name.as_str().to_owned())
    }

    fn masked(&self) -> String {
        super::masked(&self.0)
    }
}

super::personal_text!(PersonName, PersonNameError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_script_are_accepted() {
        for text in ["Jane Doe", "O'Neil-Smith Jr.", "김민준", "Анна", "सत्यजित राय", "نجيب محفوظ", "José 2"]
        {
            assert!(PersonName::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn markup_controls_and_marks_alone_are_refused() {
        for text in ["<script>", "a\0b", "a\nb", "\u{301}a", "a;b", "a\u{202e}b", "😀😀"] {
            assert_eq!(PersonName::parse(text), Err(PersonNameError::Character), "{text:?}");
        }
        for text in ["", " ", "a", " a "] {
            assert_eq!(PersonName::parse(text), Err(PersonNameError::Length), "{text:?}");
        }
        assert_eq!(PersonName::parse(&"a".repeat(101)), Err(PersonNameError::Length));
    }
}
