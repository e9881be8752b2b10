use thiserror::Error;

const LENGTH: std::ops::RangeInclusive<usize> = 3..=32;

/// A sign-in name: 3 to 32 of `a-z0-9._-`, folded to lower case when parsed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Username(String);

/// Why a text is no username.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UsernameError {
    /// Too short or too long.
    #[error("must be 3 to 32 characters")]
    Length,
    /// A character outside the set.
    #[error("may hold only the letters a to z, digits, '.', '_' and '-'")]
    Character,
}

impl Username {
    /// Parses untrusted text.
    pub fn parse(text: &str) -> Result<Self, UsernameError> {
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) {
            return Err(UsernameError::Character);
        }
        if !LENGTH.contains(&text.len()) {
            return Err(UsernameError::Length);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// Wraps a username that was parsed before.
    pub fn new(trusted: impl Into<String>) -> Self {
        Self(trusted.into())
    }

    fn masked(&self) -> String {
        super::masked(&self.0)
    }
}

super::personal_text!(Username, UsernameError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letter_case_is_folded() {
        assert_eq!(Username::parse("Jane.Doe_1-x").expect("valid").as_str(), "jane.doe_1-x");
    }

    #[test]
    fn length_and_characters_are_bounded() {
        assert_eq!(Username::parse("ab"), Err(UsernameError::Length));
        assert_eq!(Username::parse(&"a".repeat(33)), Err(UsernameError::Length));
        for text in ["jane doe", "jane@doe", "jäne", "jane\0", "K\u{212a}K"] {
            assert_eq!(Username::parse(text), Err(UsernameError::Character), "{text:?}");
        }
    }
}
