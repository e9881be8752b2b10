use thiserror::Error;

const LENGTH: std::ops::RangeInclusive<usize> = 2..=100;

/// A company's name: 2 to 100 characters of any script with the punctuation that companies use; no control, no invisible character
/// and none of `<>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CompanyName(String);

/// Why a text is no company's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CompanyNameError {
    /// Too short or too long.
    #[error("must be 2 to 100 characters")]
    Length,
    /// A character outside the set.
    #[error("may not hold control or invisible characters, '<' or '>'")]
    Character,
}

impl CompanyName {
    /// Parses untrusted text; spaces around it are dropped.
    pub fn parse(text: &str) -> Result<Self, CompanyNameError> {
        let text = text.trim_matches(' ');
        if !LENGTH.contains(&text.chars().count()) {
            return Err(CompanyNameError::Length);
        }
        if text.chars().any(is_refused) {
            return Err(CompanyNameError::Character);
        }
        Ok(Self(text.to_owned()))
    }

    /// Wraps a name that was parsed before.
    pub fn new(trusted: impl Into<String>) -> Self {
        Self(trusted.into())
    }

    fn masked(&self) -> String {
        super::masked(&self.0)
    }
}

/// Characters that could change how the text around a name is read or shown.
fn is_refused(c: char) -> bool {
    let is_invisible = matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    );
    is_invisible || c.is_control() || c == '<' || c == '>'
}

super::personal_text!(CompanyName, CompanyNameError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_real_shapes_are_accepted() {
        for text in ["Smith & Sons, Inc.", "(주)한빛", "ООО «Ромашка»", "7/Eleven+", "AT"] {
            assert!(CompanyName::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn markup_and_invisible_characters_are_refused() {
        for text in ["<b>Acme</b>", "Ac\nme", "Ac\u{202e}me", "Ac\u{200b}me", "Ac\0me"] {
            assert_eq!(CompanyName::parse(text), Err(CompanyNameError::Character), "{text:?}");
        }
        for text in ["", " a ", &"a".repeat(101)] {
            assert_eq!(CompanyName::parse(text), Err(CompanyNameError::Length), "{text:?}");
        }
    }
}
