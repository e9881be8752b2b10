//! The keys that other services verify access tokens with.

mod jwks;
mod paseto;

use std::sync::Arc;

use poem_openapi::{
    ApiResponse,
    payload::Json,
    types::{ToJSON, Type},
};

pub(super) use jwks::JwksApi;
pub(super) use paseto::KeysApi;

use crate::token::RingTokens;

/// What the endpoints read.
pub(super) type PublicKeys = Arc<RingTokens>;

/// A key is published long before it signs, so an answer of five minutes ago holds every key that signs now.
const CACHE_CONTROL: &str = "public, max-age=300";

#[derive(ApiResponse)]
enum Published<T: Type + ToJSON> {
    /// The keys.
    #[oai(status = 200)]
    Keys(
        Json<T>,
        /// For how long they may be kept.
        #[oai(header = "Cache-Control")]
        String,
        /// Names these keys.
        #[oai(header = "ETag")]
        String,
    ),
    /// The keys are those that the client has.
    #[oai(status = 304)]
    NotModified(
        /// For how long they may be kept.
        #[oai(header = "Cache-Control")]
        String,
        /// Names these keys.
        #[oai(header = "ETag")]
        String,
    ),
}

impl<T: Type + ToJSON> Published<T> {
    fn new(known: Option<&String>, keys: T) -> Self {
        // Of what is published, and nothing less: the same for the same keys on every replica, and another for others, whatever their number.
        let tag = format!("\"{}\"", &blake3::hash(keys.to_json_string().as_bytes()).to_hex()[..32]);
        let is_known = |known: &String| {
            known.split(',').map(str::trim).any(|known| known.trim_start_matches("W/") == tag || known == "*")
        };
        let cache_control = CACHE_CONTROL.to_owned();
        if known.is_some_and(is_known) {
            Self::NotModified(cache_control, tag)
        } else {
            Self::Keys(Json(keys), cache_control, tag)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(keys: &[&str]) -> String {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        match Published::new(None, keys) {
            Published::Keys(_, _, tag) | Published::NotModified(_, tag) => tag,
        }
    }

    #[test]
    fn the_tag_names_the_keys_themselves_and_not_their_number() {
        assert_eq!(tag(&["a", "b"]), tag(&["a", "b"]));
        for others in [&["a", "c"][..], &["b", "a"], &["a"], &["a", "b", "c"]] {
            assert_ne!(tag(&["a", "b"]), tag(others));
        }
    }
}
