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
    fn new(known: Option<&String>, tag: &str, keys: T) -> Self {
        let tag = format!("\"{tag}\"");
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
