//! Value objects: text from outside becomes one of these by `parse`, or is refused with a reason; inside, they are always valid.

mod company_name;
mod email;
mod language;
mod password;
mod person_name;
mod phone;
mod secret;
mod short_text;
mod username;
mod violation;

pub use company_name::{CompanyName, CompanyNameError};
pub use email::{Email, EmailError};
pub use language::Language;
pub use password::{Password, PasswordHash, PasswordRule};
pub use person_name::{PersonName, PersonNameError};
pub use phone::{Phone, PhoneError};
pub use secret::Secret;
pub use short_text::{ShortText, ShortTextError};
pub use username::{Username, UsernameError};
pub use violation::{Field, Violations};

/// Personal data in a log line or a debug print: the first character and nothing else.
fn masked(text: &str) -> String {
    text.chars().take(1).chain("***".chars()).collect()
}

/// Implements what the text values share: `as_str`, `into_string`, masked `Display` and `Debug`, serde through `parse`.
macro_rules! personal_text {
    ($name:ident, $error:ty) => {
        impl $name {
            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text as it was given.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        /// Masked, fit for a log line.
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.masked())
            }
        }

        /// Masked, like `Display`.
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.masked())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string"})
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        /// Trusts its input: it reads back what a `parse` accepted once, and a rule made stricter since must not
        /// make a stored event unreadable.
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::new)
            }
        }
    };
}
use personal_text;
