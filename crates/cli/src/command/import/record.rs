//! What a line says of a person, whichever format it is in.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use portcullis_domain::{
    port::PasswordHasher,
    user::{ImportInput, ImportUser},
    value::PasswordHash,
};

use super::fields::{is_kept, is_known};

/// Field names of files are shown to people; one that goes on and on is none of a field.
const LONGEST_NAME: usize = 40;

/// A line of a file: its number, and what it says, unless it cannot be read at all.
pub(crate) struct Line {
    pub(crate) number: u64,
    pub(crate) content: Result<Record, String>,
}

/// Fields by their names; those that were left out or empty are not there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Record(pub(crate) BTreeMap<String, Value>);

/// What a field says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Flag(bool),
    /// Something that no field is, such as a list.
    Other,
}

/// Every reason why a line is refused, by field.
pub(crate) type Reasons = BTreeMap<String, Vec<String>>;

impl Record {
    /// The person, or every reason why not.
    pub(crate) fn parse(
        self,
        hasher: &dyn PasswordHasher,
        now: DateTime<Utc>,
        ignore_unknown: bool,
    ) -> Result<ImportUser, Reasons> {
        let mut reasons = Reasons::new();
        let mut fields = Fields { fields: self.0, reasons: &mut reasons };
        fields.sort_out(ignore_unknown);
        let input = ImportInput {
            email: fields.text("email"),
            name: fields.text("name"),
            password_hash: fields.text("password_hash").map(PasswordHash::new),
            username: fields.text("username"),
            phone: fields.text("phone"),
            business_type: fields.text("business_type"),
            business_number: fields.text("business_number"),
            industry: fields.text("industry"),
            region: fields.text("region"),
            role: fields.text("role"),
            is_active: fields.flag("is_active"),
            is_verified: fields.flag("is_verified"),
            created_at: fields.text("created_at"),
        };
        let parsed = ImportUser::parse(input, hasher, now);
        if let Err(violations) = &parsed {
            for (name, messages) in violations.fields() {
                // A field of the wrong type was said to be so; that it is missing then is nothing new.
                reasons.entry((*name).to_owned()).or_insert_with(|| messages.clone());
            }
        }
        match parsed {
            Ok(user) if reasons.is_empty() => Ok(user),
            _ => Err(reasons),
        }
    }
}

struct Fields<'a> {
    fields: BTreeMap<String, Value>,
    reasons: &'a mut Reasons,
}

impl Fields<'_> {
    /// Refuses fields that nobody knows, and drops those that are not kept.
    fn sort_out(&mut self, ignore_unknown: bool) {
        let Self { fields, reasons } = self;
        fields.retain(|name, _| {
            if !is_known(name) && !ignore_unknown {
                let short = name.chars().take(LONGEST_NAME).collect();
                reasons.insert(short, vec!["is no field of a user".to_owned()]);
            }
            is_kept(name)
        });
    }

    fn text(&mut self, name: &str) -> Option<String> {
        match self.fields.remove(name)? {
            Value::Text(text) => Some(text),
            Value::Flag(_) | Value::Other => self.refuse(name, "must be a text"),
        }
    }

    fn flag(&mut self, name: &str) -> Option<bool> {
        match self.fields.remove(name)? {
            Value::Flag(flag) => Some(flag),
            Value::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            Value::Text(_) | Value::Other => self.refuse(name, "must be true or false"),
        }
    }

    fn refuse<T>(&mut self, name: &str, reason: &str) -> Option<T> {
        self.reasons.insert(name.to_owned(), vec![reason.to_owned()]);
        None
    }
}
