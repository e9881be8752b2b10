use thiserror::Error;

use crate::event::EventType;

/// How long a client's own type may be: it is a routing key at the broker, which AMQP 0-9-1 bounds at 255 bytes.
pub const MAX_EVENT_TYPE: usize = 100;

/// The first words of the service's own types.
const RESERVED: [&str; 5] = ["stream", "user", "company", "api_key", "feature"];

/// Why a text is no type of a client's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EventTypeError {
    /// It belongs to the service.
    #[error("types that begin with stream, user, company, api_key or feature are the service's own")]
    Reserved,
    /// It does not have the form of a type.
    #[error(
        "must be words of ASCII letters, digits, _ and -, each beginning with a letter, with dots between them, at most 100 characters"
    )]
    Form,
}

/// Whether a type is one of the service's own, of this version or another, in any letter case.
pub fn is_reserved(event_type: &str) -> bool {
    let first = event_type.split('.').next().unwrap_or_default();
    RESERVED.iter().any(|word| first.eq_ignore_ascii_case(word))
}

/// Reads a client's own type.
pub(super) fn parse(text: &str) -> Result<EventType, EventTypeError> {
    // First: `user.*` is no better formed for being reserved, and whoever tries it is told what is wrong with it.
    if is_reserved(text) {
        return Err(EventTypeError::Reserved);
    }
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_alphabetic())
            && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    };
    if text.len() > MAX_EVENT_TYPE || !text.split('.').all(is_word) {
        return Err(EventTypeError::Form);
    }
    Ok(EventType::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_s_own_types_are_reserved_in_any_letter_case() {
        for text in [
            "user.created",
            "USER.x",
            "stream",
            "stream.",
            "Api_Key.made",
            "feature.a.b",
            "company.é",
            "user.",
        ] {
            assert_eq!(parse(text), Err(EventTypeError::Reserved), "{text}");
        }
    }

    #[test]
    fn words_with_dots_between_them_are_types() {
        let longest = "a".repeat(MAX_EVENT_TYPE);
        for text in ["order.placed", "note", "users.merged", "a-1.b_2.C", "apikey.made", longest.as_str()] {
            assert_eq!(parse(text).map(|parsed| parsed.as_str().to_owned()), Ok(text.to_owned()));
        }
        let too_long = "a".repeat(MAX_EVENT_TYPE + 1);
        for text in ["", ".", "a.", ".a", "a..b", "1a", "a b", "é", "a.\u{0}", "a/*", "a.#", "-a", &too_long]
        {
            assert_eq!(parse(text), Err(EventTypeError::Form), "{text}");
        }
    }
}
