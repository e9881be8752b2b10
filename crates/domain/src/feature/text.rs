use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A feature's name, by which it is unique: 1 to 64 of `a-z0-9._-`, the first a letter or digit, of whatever case it is
/// given in; and not `access`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct FeatureName(String);

/// What a feature is, for people: at most 500 characters without control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct FeatureDescription(String);

/// Why a text is no feature's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit, and not 'access'")]
pub struct FeatureNameError;

/// Why a text is no description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be at most 500 characters without control characters")]
pub struct FeatureDescriptionError;

/// Why texts are no list of features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FeatureNamesError {
    /// One of them is no name.
    #[error("each {0}")]
    Name(#[from] FeatureNameError),
    /// There are too many.
    #[error("must be at most {0}")]
    TooMany(usize),
}

impl FeatureName {
    const MOST: usize = 64;

    /// Parses untrusted text.
    pub fn parse(text: &str) -> Result<Self, FeatureNameError> {
        let name = text.to_ascii_lowercase();
        let is_inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        let begins_well = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        // Its usage would be at the path of another route.
        if name != "access" && begins_well && name.len() <= Self::MOST && name.bytes().all(is_inside) {
            Ok(Self(name))
        } else {
            Err(FeatureNameError)
        }
    }

    /// Parses untrusted texts, each name once, in their order.
    pub fn parse_all(texts: &[impl AsRef<str>], most: usize) -> Result<Vec<Self>, FeatureNamesError> {
        if texts.len() > most {
            return Err(FeatureNamesError::TooMany(most));
        }
        let mut names = Vec::new();
        for text in texts {
            let name = Self::parse(text.as_ref())?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Wraps a name that was parsed before.
    pub fn new(trusted: impl Into<String>) -> Self {
        Self(trusted.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FeatureName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FeatureDescription {
    const MOST: usize = 500;

    /// Parses untrusted text; space around it is dropped.
    pub fn parse(text: &str) -> Result<Self, FeatureDescriptionError> {
        let text = text.trim();
        if text.chars().count() > Self::MOST || text.chars().any(char::is_control) {
            return Err(FeatureDescriptionError);
        }
        Ok(Self(text.to_owned()))
    }

    /// Wraps a text that was parsed before.
    pub fn new(trusted: impl Into<String>) -> Self {
        Self(trusted.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_whatever_their_case() {
        assert_eq!(FeatureName::parse("Reports.Export-2_x").expect("valid").as_str(), "reports.export-2_x");
    }

    #[test]
    fn what_would_need_escaping_is_no_name() {
        for text in ["", "Access", " a", "a b", "a/b", "-a", ".", "_a", "é", "a%", &"a".repeat(65)] {
            assert_eq!(FeatureName::parse(text), Err(FeatureNameError), "{text:?}");
        }
    }

    #[test]
    fn a_list_has_each_name_once_and_so_many_at_most() {
        let names = FeatureName::parse_all(&["b", "A", "B"], 3).expect("valid");
        assert_eq!(names, [FeatureName::new("b"), FeatureName::new("a")]);
        assert_eq!(FeatureName::parse_all(&["a", "b"], 1), Err(FeatureNamesError::TooMany(1)));
        assert!(FeatureName::parse_all(&["a", ""], 2).is_err());
    }

    #[test]
    fn a_description_is_a_line_of_any_script() {
        assert_eq!(
            FeatureDescription::parse(" 보고서 & <reports> ").expect("valid").as_str(),
            "보고서 & <reports>"
        );
        assert!(FeatureDescription::parse("a\nb").is_err());
        assert!(FeatureDescription::parse(&"a".repeat(501)).is_err());
    }
}
