//! Pages of a list: how many, from where on, and where the next one begins.

use data_encoding::BASE64URL_NOPAD;
use serde::{Serialize, de::DeserializeOwned};

use super::error::Failure;

/// How many a page holds unless the request says.
const DEFAULT: u16 = 50;

/// How many a page holds; the parameter's own check keeps it from 1 to 200.
pub(super) fn limit(asked: Option<u16>) -> usize {
    asked.unwrap_or(DEFAULT).into()
}

/// Where a list goes on, as a text that means nothing to the client.
pub(super) fn write_cursor(place: &impl Serialize) -> String {
    let json = serde_json::to_vec(place).expect("a place is a plain struct with text keys");
    BASE64URL_NOPAD.encode(&json)
}

/// Reads a cursor that the client was given before.
pub(super) fn read_cursor<T: DeserializeOwned>(cursor: Option<&str>) -> Result<Option<T>, Failure> {
    let Some(cursor) = cursor else { return Ok(None) };
    let json = BASE64URL_NOPAD.decode(cursor.as_bytes()).ok();
    let place = json.and_then(|json| serde_json::from_slice(&json).ok());
    place.map(Some).ok_or_else(|| Failure::invalid_field("cursor", "is none that this service gave"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Place {
        after: String,
    }

    #[test]
    fn a_cursor_comes_back_as_it_was_given_and_nothing_else_is_one() {
        let place = Place { after: "ø/?".to_owned() };
        let cursor = write_cursor(&place);
        assert_eq!(read_cursor(Some(&cursor)).expect("ours"), Some(place));
        assert_eq!(read_cursor::<Place>(None).expect("none"), None);
        for garbage in ["", "!", "e30", "bm90IEpTT04", &cursor[1..]] {
            assert!(read_cursor::<Place>(Some(garbage)).is_err(), "{garbage}");
        }
    }
}
