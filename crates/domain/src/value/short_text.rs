use thiserror::Error;

const MAX_LENGTH: usize = 100;

/// A line of free text about a person or a company, such as an industry: 1 to 100 characters, no control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortText(String);

/// Why a text is no short text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be 1 to 100 characters without control characters")]
pub struct ShortTextError;

impl ShortText {
    /// Parses untrusted text; space around it is dropped.
    pub fn parse(text: &str) -> Result<Self, ShortTextError> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > MAX_LENGTH || text.chars().any(char::is_control) {
            return Err(ShortTextError);
        }
        Ok(Self(text.to_owned()))
    }

    /// Wraps a text that was parsed before.
    pub fn new(trusted: impl Into<String>) -> Self {
        Self(trusted.into())
    }

    fn masked(&self) -> String {
        super::masked(&self.0)
    }
}

super::personal_text!(ShortText, ShortTextError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_accepted_and_trimmed() {
        assert_eq!(ShortText::parse("  Ship building ").expect("valid").as_str(), "Ship building");
    }

    #[test]
    fn empty_long_and_control_texts_are_refused() {
        for text in ["", "   ", "a\0", "a\nb", &"x".repeat(101)] {
            assert_eq!(ShortText::parse(text), Err(ShortTextError), "{text:?}");
        }
    }
}
