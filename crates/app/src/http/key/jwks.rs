use data_encoding::BASE64URL_NOPAD;
use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Header};

use super::{PublicKeys, Published};
use crate::http::Group;

pub(in crate::http) struct JwksApi;

/// A JWK set (RFC 7517 §5).
#[derive(Object)]
struct JwksResponse {
    /// Oldest first.
    keys: Vec<JwkResponse>,
}

/// A public key as JWK (RFC 7517, RFC 8037).
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct JwkResponse {
    /// The kind of key.
    kty: String,
    /// The curve.
    crv: String,
    /// The key, or its first coordinate.
    x: String,
    /// Its second coordinate, where it has one.
    y: Option<String>,
    /// What tokens name it by.
    kid: String,
    /// The algorithm it is for.
    alg: String,
    /// What it is for.
    #[oai(rename = "use")]
    usage: String,
}

#[OpenApi(tag = "Group::Service")]
impl JwksApi {
    /// The public keys that access tokens are verified with, as a JWK set.
    #[oai(path = "/.well-known/jwks.json", method = "get", operation_id = "jwks")]
    #[expect(
        clippy::unused_async,
        reason = "an endpoint is asynchronous, whether it waits for anything or not"
    )]
    async fn jwks(
        &self,
        keys: Data<&PublicKeys>,
        /// The tag of the keys that the client has.
        #[oai(name = "If-None-Match")]
        known: Header<Option<String>>,
    ) -> Published<JwksResponse> {
        let (published, now) = (keys.published(), keys.now());
        // Readers of a JWK set know no end of a key: one that is over is not in it.
        let good = published.keys.into_iter().filter(|key| key.not_after.is_none_or(|until| now < until));
        let mut keys: Vec<_> = good
            .map(|key| JwkResponse {
                kty: "OKP".to_owned(),
                crv: "Ed25519".to_owned(),
                x: BASE64URL_NOPAD.encode(&key.bytes),
                y: None,
                kid: key.id,
                alg: "EdDSA".to_owned(),
                usage: "sig".to_owned(),
            })
            .collect();
        let ec_keys = published.ec_keys.into_iter();
        let ec_keys = ec_keys.filter(|key| key.not_after.is_none_or(|until| now < until));
        keys.extend(ec_keys.map(|key| JwkResponse {
            kty: "EC".to_owned(),
            crv: "P-256".to_owned(),
            x: key.x,
            y: key.y,
            kid: key.kid,
            alg: "ES256".to_owned(),
            usage: "sig".to_owned(),
        }));
        Published::new(known.0.as_ref(), JwksResponse { keys })
    }
}
