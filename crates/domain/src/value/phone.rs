use thiserror::Error;

const MAX_LENGTH: usize = 20;
/// ITU-T E.164 §6: at most fifteen digits; fewer than four is no subscriber's number anywhere.
const DIGITS: std::ops::RangeInclusive<usize> = 4..=15;

/// A telephone number: E.164 (`+821012345678`) or national digits with separators, at most 20 characters, kept as given.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(String);

/// Why a text is no telephone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be digits with an optional leading '+', spaces, '-', '.', '(' and ')', at most 20 characters")]
pub struct PhoneError;

impl Phone {
    /// Parses untrusted text.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        let national = text.strip_prefix('+').unwrap_or(text);
        let digits = national.bytes().filter(u8::is_ascii_digit).count();
        let allowed = |b: u8| b.is_ascii_digit() || b" -.()".contains(&b);
        if text.len() > MAX_LENGTH || !DIGITS.contains(&digits) || !national.bytes().all(allowed) {
            return Err(PhoneError);
        }
        Ok(Self(text.to_owned()))
    }

    /// Wraps a number that was parsed before.
    pub fn new(trusted: impl Into<String>) -> Self {
        Self(trusted.into())
    }

    fn masked(&self) -> String {
        super::masked(&self.0)
    }
}

super::personal_text!(Phone, PhoneError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn international_and_national_numbers_are_accepted() {
        for text in ["+821012345678", "010-1234-5678", "(02) 123 4567", "112 233.44"] {
            assert!(Phone::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "abc", "12", "+", "1234567890123456", "0101234567 ext. 123456", "12+3456", "1234\0"]
        {
            assert_eq!(Phone::parse(text), Err(PhoneError), "{text:?}");
        }
    }
}
