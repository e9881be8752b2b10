use std::{collections::BTreeMap, fmt};

use super::{Email, EmailError, Password, PasswordRule};

/// Everything that is wrong with an input, field by field, so that a person mends it in one go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations {
    fields: BTreeMap<&'static str, Vec<String>>,
    password_rules: Vec<PasswordRule>,
    email: Option<EmailError>,
}

/// One named field of an input while it is parsed.
pub struct Field<'a> {
    violations: &'a mut Violations,
    name: &'static str,
}

impl Violations {
    /// Starts on the field called `name` on the wire.
    pub fn field(&mut self, name: &'static str) -> Field<'_> {
        Field { violations: self, name }
    }

    /// Parses the e-mail address, which has an error code of its own.
    pub fn email(&mut self, text: &str) -> Option<Email> {
        let parsed = Email::parse(text);
        self.email = parsed.as_ref().err().copied();
        self.field("email").parse(parsed)
    }

    /// Checks a new password against the rules, given what an attacker would try first.
    pub fn new_password(&mut self, name: &'static str, password: &Password, known: &[&str]) {
        let broken = password.broken_rules(known);
        for rule in &broken {
            self.field(name).refuse(rule);
        }
        self.password_rules = broken;
    }

    /// `Ok` with the value when nothing was refused.
    pub fn into_result<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.fields.is_empty() => Ok(value),
            _ => Err(self),
        }
    }

    /// Messages by field name.
    pub fn fields(&self) -> &BTreeMap<&'static str, Vec<String>> {
        &self.fields
    }

    /// The password rules that were broken.
    pub fn password_rules(&self) -> &[PasswordRule] {
        &self.password_rules
    }

    /// What was wrong with the e-mail address.
    pub fn email_error(&self) -> Option<EmailError> {
        self.email
    }
}

impl Field<'_> {
    /// Notes a message against the field.
    pub fn refuse(self, message: impl fmt::Display) {
        self.violations.fields.entry(self.name).or_default().push(message.to_string());
    }

    /// Keeps the parsed value, or notes why there is none.
    pub fn parse<T, E: fmt::Display>(self, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|error| self.refuse(error)).ok()
    }

    /// As [`parse`](Self::parse) for a field that may be left out: the outer `None` means it was refused.
    pub fn parse_optional<T, E: fmt::Display>(self, parsed: Option<Result<T, E>>) -> Option<Option<T>> {
        match parsed {
            None => Some(None),
            Some(parsed) => self.parse(parsed).map(Some),
        }
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.fields.keys().copied().collect();
        write!(f, "invalid {}", names.join(", "))
    }
}

impl std::error::Error for Violations {}
