use std::fmt;

use thiserror::Error;

/// A setting with which the service cannot start. It prints as one line that says which setting, where it came from, what is
/// wrong and what to do, and never shows the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct ConfigError {
    /// The setting's name, or the file's where it is about the whole file.
    pub setting: String,
    /// Where its value came from, if it has one.
    pub origin: Option<Origin>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

/// Where a setting's value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File {
        /// The file.
        path: String,
        /// The line, 1 for the first.
        line: usize,
    },
    /// An environment variable.
    Environment,
}

impl ConfigError {
    /// An error about a setting, wherever its value came from.
    pub fn new(setting: impl Into<String>, problem: impl fmt::Display, remedy: impl fmt::Display) -> Self {
        let (problem, remedy) = (problem.to_string(), remedy.to_string());
        Self { setting: setting.into(), origin: None, problem, remedy }
    }

    /// As an error about the value from there.
    #[must_use]
    pub fn from(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = match &self.origin {
            Some(origin) => format!("{} ({origin}): {}; {}", self.setting, self.problem, self.remedy),
            None => format!("{}: {}; {}", self.setting, self.problem, self.remedy),
        };
        // A problem may quote what a library or an operator wrote; it stays one line whatever that is.
        line.chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .try_for_each(|c| fmt::Write::write_char(f, c))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{path} line {line}"),
            Self::Environment => f.write_str("environment"),
        }
    }
}
