//! A company's registration number: a short text by which it is found to be registered already.

use thiserror::Error;

use crate::value::{ShortText, ShortTextError};

/// Why a text is no registration number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum BusinessNumberError {
    #[error(transparent)]
    Text(#[from] ShortTextError),
    /// Its key would be empty, and all such numbers one.
    #[error("must hold a letter or a digit")]
    Empty,
}

/// Parses untrusted text.
pub(super) fn parse(text: &str) -> Result<ShortText, BusinessNumberError> {
    let text = ShortText::parse(text)?;
    if text.as_str().contains(char::is_alphanumeric) { Ok(text) } else { Err(BusinessNumberError::Empty) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::ClaimKey;

    #[test]
    fn a_number_without_a_letter_or_digit_is_none() {
        for text in ["-", "../..", "()"] {
            assert_eq!(parse(text), Err(BusinessNumberError::Empty), "{text}");
        }
        assert!(parse("").is_err());
        assert!(parse(" HRB 1234 ").is_ok());
    }

    #[test]
    fn a_number_is_the_same_however_it_is_separated_and_in_whatever_width_it_is_typed() {
        let key = |text: &str| ClaimKey::business_number(&parse(text).expect("valid"));
        for same in ["1234567890", "123 45 67890", "123.45.67890", "１２３-４５-６７８９０"] {
            assert_eq!(key(same), key("123-45-67890"), "{same}");
        }
        assert_eq!(key("hrb1234"), key("HRB 1234"));
        assert_ne!(key("123-45-67891"), key("123-45-67890"));
    }
}
