//! A JWT library that is not ours reads our tokens and keys, and takes and refuses them as we do.

use crate::support::{AUDIENCE, ISSUER, Service, claims, token};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use portcullis_domain::caller::Role;
use portcullis_verify::Format;
use serde_json::Value;

#[tokio::test]
async fn jsonwebtoken_verifies_our_tokens_with_our_jwk_set() {
    let service = Service::start().await;
    let jwks = reqwest::get(format!("{}/.well-known/jwks.json", service.url())).await.expect("an answer");
    let mut jwks: Value = serde_json::from_slice(&jwks.bytes().await.expect("a body")).expect("JSON");
    // The stand-in's key of a kind that nobody knows.
    jwks["keys"].as_array_mut().expect("keys").remove(0);
    let jwks: JwkSet = serde_json::from_value(jwks).expect("a JWK set");
    for (format, algorithm) in [(Format::JwtEdDsa, Algorithm::EdDSA), (Format::JwtEs256, Algorithm::ES256)] {
        let expected = claims(Role::Admin);
        let text = token(format, 1, &expected);
        let header = decode_header(&text).expect("a header");
        assert_eq!((header.alg, header.typ.as_deref()), (algorithm, Some("at+jwt")));
        let jwk = jwks.find(&header.kid.expect("a kid")).expect("its key is published");
        let key = DecodingKey::from_jwk(jwk).expect("a key");
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        validation.validate_nbf = true;
        let taken = decode::<Value>(&text, &key, &validation).expect("good").claims;
        assert_eq!(taken["sub"], expected.user.to_string());
        assert_eq!(taken["exp"], expected.expires_at.timestamp());
        assert_eq!(taken["perms"].as_array().expect("a list").len(), expected.permissions.len());

        let other = jwks.keys.iter().find(|other| *other != jwk && other.common == jwk.common);
        assert!(other.is_none(), "each key has a name of its own");
        let mut changed = text.clone().into_bytes();
        let place = text.rfind('.').expect("a signature") + 5;
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).expect("ASCII");
        decode::<Value>(&changed, &key, &validation).expect_err("a changed signature");
        validation.set_audience(&["elsewhere"]);
        decode::<Value>(&text, &key, &validation).expect_err("another audience");
    }
}
