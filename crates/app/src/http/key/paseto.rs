use poem::web::Data;
use poem_openapi::{Enum, Object, OpenApi, param::Header};
use portcullis_domain::key_ring::KeyState;

use super::{PublicKeys, Published};
use crate::http::{Group, timestamp::Timestamp};

pub(in crate::http) struct KeysApi;

/// The public halves of all signing keys.
#[derive(Object)]
struct KeysResponse {
    /// Oldest first.
    keys: Vec<KeyResponse>,
}

/// A public key.
#[derive(Object)]
struct KeyResponse {
    /// Its PASERK id, which the footer of a token names.
    id: String,
    /// The key as PASERK.
    paserk: String,
    status: KeyStatus,
    /// From when on it verifies no access token; null while it is not retired.
    not_after: Option<Timestamp>,
}

/// What a key is for.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
enum KeyStatus {
    /// It will sign: whoever keeps keys knows it by then.
    Next,
    /// It signs.
    Active,
    /// It signed; what it signed stays good until it expires.
    Retired,
}

impl From<KeyState> for KeyStatus {
    fn from(state: KeyState) -> Self {
        match state {
            KeyState::Next => Self::Next,
            KeyState::Active => Self::Active,
            KeyState::Retired => Self::Retired,
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/auth", tag = "Group::Authentication")]
impl KeysApi {
    /// The public keys that access tokens are verified with, as PASERK.
    #[oai(path = "/keys", method = "get", operation_id = "keys")]
    #[expect(
        clippy::unused_async,
        reason = "an endpoint is asynchronous, whether it waits for anything or not"
    )]
    async fn keys(
        &self,
        keys: Data<&PublicKeys>,
        /// The tag of the keys that the client has.
        #[oai(name = "If-None-Match")]
        known: Header<Option<String>>,
    ) -> Published<KeysResponse> {
        let published = keys.published();
        let keys = published.keys.into_iter().map(|key| KeyResponse {
            id: key.id,
            paserk: key.paserk,
            status: key.state.into(),
            not_after: key.not_after.map(Timestamp::from),
        });
        Published::new(known.0.as_ref(), KeysResponse { keys: keys.collect() })
    }
}
