use chrono::TimeDelta;
use portcullis_domain::{
    caller::{Permission, Role},
    id::{CompanyId, SessionId, TokenId, UserId},
    key_ring::{Lifetimes, SigningKey},
    token::MAX_NAME_LENGTH,
};
use portcullis_memory::OpaqueTokens;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "portcullis";

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_769_846_400 + seconds, 0).expect("a near time")
}

fn key(epoch: u32) -> SigningKey {
    SigningKey::new(epoch, [u8::try_from(epoch).expect("a small epoch"); 64])
}

fn ring(epochs: &[u32]) -> KeyRing {
    let lifetimes = Lifetimes { access: Duration::from_secs(3600), refresh: Duration::from_secs(7200) };
    KeyRing::new(epochs.iter().map(|epoch| (key(*epoch), time(-1000))), lifetimes)
}

fn jwt_of(epochs: &[u32], algorithm: Algorithm) -> Jwt {
    Jwt::new(&ring(epochs), algorithm, ISSUER, AUDIENCE, Arc::new(OpaqueTokens::new())).expect("good keys")
}

fn jwt(algorithm: Algorithm) -> Jwt {
    jwt_of(&[1], algorithm)
}

fn both() -> [Jwt; 2] {
    [jwt(Algorithm::EdDsa), jwt(Algorithm::Es256)]
}

fn access() -> AccessClaims {
    AccessClaims {
        token: TokenId::new(Uuid::from_u128(1)),
        user: UserId::new(Uuid::from_u128(2)),
        session: SessionId::new(Uuid::from_u128(3)),
        company: Some(CompanyId::new(Uuid::from_u128(4))),
        role: Role::Moderator,
        permissions: Role::Moderator.permissions().to_vec(),
        issued_at: time(0),
        expires_at: time(1800),
    }
}

fn part(value: impl AsRef<[u8]>) -> String {
    BASE64URL_NOPAD.encode(value.as_ref())
}

fn read(token: &Secret, place: usize) -> Value {
    let part = token.expose().split('.').nth(place).expect("a part");
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).expect("base64")).expect("JSON")
}

/// Signs any header and payload with our own key.
fn forged(jwt: &Jwt, header: &str, payload: &str) -> String {
    let message = format!("{}.{}", part(header), part(payload));
    let signature = part(jwt.keys().active().sign(message.as_bytes()));
    format!("{message}.{signature}")
}

#[track_caller]
fn assert_invalid(jwt: &Jwt, text: impl Into<String>) {
    let token = Secret::new(text);
    assert_eq!(jwt.verify_access(&token, time(1)), Err(TokenError::Invalid), "{}", token.expose());
}

#[test]
fn a_token_is_what_rfc_9068_says_it_is() {
    for jwt in both() {
        let token = jwt.issue_access(&access());
        let kid = jwt.public_keys()[0].kid.clone();
        let header = json!({"typ": "at+jwt", "alg": jwt.algorithm.as_str(), "kid": kid});
        assert_eq!(read(&token, 0), header);
        let claims = json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "00000000-0000-0000-0000-000000000002",
            "client_id": "portcullis",
            "jti": "00000000-0000-0000-0000-000000000001",
            "sid": "00000000-0000-0000-0000-000000000003",
            "cid": "00000000-0000-0000-0000-000000000004",
            "iat": 1_769_846_400,
            "nbf": 1_769_846_400,
            "exp": 1_769_848_200,
            "role": "moderator",
            "perms": Role::Moderator.permissions().iter().map(|permission| permission.as_str()).collect::<Vec<_>>(),
        });
        assert_eq!(read(&token, 1), claims);
        assert_eq!(jwt.verify_access(&token, time(0)), Ok(access()));
    }
}

/// RFC 8037 appendix A: the key, and its signature of RFC 7515's example.
#[test]
fn the_ed25519_key_and_its_signatures_are_those_of_rfc_8037() {
    let seed = BASE64URL_NOPAD.decode(b"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").expect("base64");
    let mut material = [0; 64];
    material[..32].copy_from_slice(&seed);
    let lifetimes = Lifetimes { access: Duration::ZERO, refresh: Duration::ZERO };
    let ring = KeyRing::new([(SigningKey::new(1, material), time(0))], lifetimes);
    let key = Key::new(&ring.keys()[0], Algorithm::EdDsa).expect("a key");
    assert_eq!(key.verifying.to_public().x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(part(key.sign(message.as_bytes())), signature);
}

/// RFC 7638 has no example on P-256, so what is hashed is spelled out here.
#[test]
fn keys_are_named_by_paserk_id_and_by_thumbprint() {
    use sha2::{Digest, Sha256};

    let [ed_dsa, es256] = both().map(|jwt| jwt.public_keys().remove(0));
    assert!(ed_dsa.kid.starts_with("k4.pid."), "{}", ed_dsa.kid);
    let y = es256.y.expect("a point has two coordinates");
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{y}"}}"#, es256.x);
    assert_eq!(es256.kid, part(Sha256::digest(members)));
}

#[test]
fn no_header_but_our_own_is_taken_whoever_signed_it() {
    for jwt in both() {
        let token = jwt.issue_access(&access());
        let (payload, kid) = (read(&token, 1).to_string(), jwt.public_keys()[0].kid.clone());
        let alg = jwt.algorithm.as_str();
        assert!(
            jwt.verify_access(
                &Secret::new(forged(
                    &jwt,
                    &format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"{kid}"}}"#),
                    &payload
                )),
                time(1)
            )
            .is_ok()
        );
        for header in [
            json!({"typ": "at+jwt", "alg": "none", "kid": kid}),
            json!({"typ": "at+jwt", "alg": "None", "kid": kid}),
            json!({"typ": "at+jwt", "alg": "HS256", "kid": kid}),
            json!({"typ": "at+jwt", "alg": "RS256", "kid": kid}),
            json!({"typ": "at+jwt", "alg": if alg == "EdDSA" { "ES256" } else { "EdDSA" }, "kid": kid}),
            json!({"typ": "JWT", "alg": alg, "kid": kid}),
            json!({"typ": "application/at+jwt", "alg": alg, "kid": kid}),
            json!({"alg": alg, "kid": kid}),
            json!({"typ": "at+jwt", "alg": alg}),
            json!({"typ": "at+jwt", "alg": alg, "kid": "another"}),
            json!({"typ": "at+jwt", "alg": alg, "kid": kid, "crit": ["exp"], "exp": 1}),
            json!({"typ": "at+jwt", "alg": alg, "kid": kid, "b64": false, "crit": ["b64"]}),
            json!({"typ": "at+jwt", "alg": alg, "kid": kid, "jku": "https://evil.example.com/jwks.json"}),
            json!({"typ": "at+jwt", "alg": alg, "kid": kid, "x5u": "https://evil.example.com/x5u"}),
            json!({"typ": "at+jwt", "alg": alg, "kid": kid, "jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}}),
        ] {
            assert_invalid(&jwt, forged(&jwt, &header.to_string(), &payload));
        }
        for header in ["", "{}", "null", "[]", "no json"] {
            assert_invalid(&jwt, forged(&jwt, header, &payload));
        }
    }
}

#[test]
fn a_signature_of_nothing_or_by_a_public_key_is_refused() {
    use sha2::{Digest, Sha256};

    for jwt in both() {
        let token = jwt.issue_access(&access());
        let (message, _) = token.expose().rsplit_once('.').expect("three parts");
        let public = jwt.public_keys().remove(0);
        // What a verifier that took the header's word for HS256 would compute, or nearly: any 32 bytes will do.
        let mac = Sha256::digest(format!("{}{message}", public.x));
        for signature in
            [String::new(), part(mac), part([0; 64]), part([255; 64]), part([0; 63]), part([0; 65])]
        {
            assert_invalid(&jwt, format!("{message}.{signature}"));
        }
        assert_invalid(&jwt, message);
        let payload = read(&token, 1).to_string();
        let none = part(r#"{"alg":"none"}"#);
        assert_invalid(&jwt, format!("{none}.{}.", part(&payload)));
        assert_invalid(&jwt, format!("{none}.{}", part(&payload)));
    }
}

/// ECDSA takes r, s and r, −s alike.
#[test]
fn the_other_signature_of_es256_is_refused() {
    let jwt = jwt(Algorithm::Es256);
    let token = jwt.issue_access(&access());
    let (message, signature) = token.expose().rsplit_once('.').expect("three parts");
    let bytes = BASE64URL_NOPAD.decode(signature.as_bytes()).expect("base64");
    let signature = p256::ecdsa::Signature::from_slice(&bytes).expect("a signature");
    let other = p256::ecdsa::Signature::from_scalars(signature.r().to_bytes(), (-*signature.s()).to_bytes());
    assert_invalid(&jwt, format!("{message}.{}", part(other.expect("a signature").to_bytes())));
}

#[test]
fn the_active_key_signs_every_key_verifies_and_a_retired_one_until_its_end() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let rotated = jwt_of(&[1, 2, 3], algorithm);
        for epoch in [1, 2, 3] {
            let alone = jwt_of(&[epoch], algorithm);
            assert!(rotated.verify_access(&alone.issue_access(&access()), time(0)).is_ok());
            let signed = rotated.issue_access(&access());
            assert_eq!(alone.verify_access(&signed, time(0)).is_ok(), epoch == 2);
        }
        let until = rotated.public_keys()[0].not_after.expect("it is retired");
        let stolen =
            jwt_of(&[1], algorithm).issue_access(&AccessClaims { expires_at: time(1_000_000), ..access() });
        assert!(rotated.verify_access(&stolen, until - TimeDelta::seconds(1)).is_ok());
        assert_eq!(rotated.verify_access(&stolen, until), Err(TokenError::Invalid));
    }
}

#[test]
fn a_token_of_a_key_that_is_not_there_is_known_by_its_header() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let (ours, theirs) = (jwt_of(&[1], algorithm), jwt_of(&[2], algorithm));
        assert!(ours.names_unknown_key(&theirs.issue_access(&access())));
        assert!(!ours.names_unknown_key(&ours.issue_access(&access())));
        for text in ["", ".", "v4.public.AAAA.AAAA", "e30.e30.AAAA"] {
            assert!(!ours.names_unknown_key(&Secret::new(text)), "{text}");
        }
    }
}

#[test]
fn a_signed_payload_that_lacks_doubles_or_distorts_a_claim_is_invalid() {
    for jwt in both() {
        let good = read(&jwt.issue_access(&access()), 1);
        let header = read(&jwt.issue_access(&access()), 0);
        let kid = header["kid"].as_str().expect("a kid");
        let header = format!(r#"{{"typ":"at+jwt","alg":"{}","kid":"{kid}"}}"#, jwt.algorithm.as_str());
        let signed = |payload: &str| forged(&jwt, &header, payload);
        assert!(jwt.verify_access(&Secret::new(signed(&good.to_string())), time(1)).is_ok());
        for name in good.as_object().expect("an object").keys() {
            let mut lacking = good.clone();
            lacking.as_object_mut().expect("an object").remove(name);
            // Who belongs to no company has no `cid`.
            if name != "cid" {
                assert_invalid(&jwt, signed(&lacking.to_string()));
            }
            assert_invalid(&jwt, signed(&format!(r#"{{"{name}":{},{}"#, good[name], &good.to_string()[1..])));
        }
        for (name, value) in [
            ("exp", json!("1769848200")),
            ("exp", json!(1e300)),
            ("exp", json!(i64::MAX)),
            ("aud", json!([AUDIENCE])),
            ("aud", json!("")),
            ("iss", json!("https://id.example.com/")),
            ("role", json!("root")),
            ("sub", json!("admin")),
            ("perms", json!("user:read")),
        ] {
            let mut distorted = good.clone();
            distorted[name] = value;
            assert_invalid(&jwt, signed(&distorted.to_string()));
        }
        let mut unknown = good.clone();
        unknown["perms"] = json!(["user:read", "moon:read"]);
        let verified =
            jwt.verify_access(&Secret::new(signed(&unknown.to_string())), time(1)).expect("verifies");
        assert_eq!(verified.permissions, [Permission::UserRead]);
    }
}

#[test]
fn a_part_has_no_second_spelling() {
    for jwt in both() {
        let token = jwt.issue_access(&access());
        let parts: Vec<_> = token.expose().split('.').collect();
        for place in 0..3 {
            for end in ["=", "==", " ", "\n", "A", "AAAA", "."] {
                let longer = format!("{}{end}", parts[place]);
                let mut changed = parts.clone();
                changed[place] = &longer;
                assert_invalid(&jwt, changed.join("."));
            }
        }
        assert_invalid(&jwt, format!("{}.{}", token.expose(), parts[2]));
        assert_invalid(&jwt, token.expose().replace('-', "+").replace('_', "/") + "=");
    }
}

#[test]
fn keys_and_names_that_make_no_good_tokens_are_refused() {
    let refused = |ring: &KeyRing, algorithm, issuer: &str, audience: &str| {
        Jwt::new(ring, algorithm, issuer, audience, Arc::new(OpaqueTokens::new())).expect_err("refused")
    };
    let lifetimes = Lifetimes { access: Duration::ZERO, refresh: Duration::ZERO };
    let zeros = KeyRing::new([(SigningKey::new(7, [0; 64]), time(0))], lifetimes);
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        assert_eq!(refused(&KeyRing::default(), algorithm, ISSUER, AUDIENCE), JwtError::NoKey);
        assert_eq!(refused(&zeros, algorithm, ISSUER, AUDIENCE), JwtError::Key(KeyError::Weak { epoch: 7 }));
        for name in ["", "a\nb", &"a".repeat(MAX_NAME_LENGTH + 1)] {
            assert_eq!(refused(&ring(&[1]), algorithm, name, AUDIENCE), JwtError::Issuer);
            assert_eq!(refused(&ring(&[1]), algorithm, ISSUER, name), JwtError::Audience);
        }
    }
}

#[test]
fn debug_shows_no_key() {
    let text = format!("{:?}", jwt(Algorithm::EdDsa));
    assert!(text.starts_with("Jwt { keys: [Key(epoch 1, ***)], algorithm: EdDsa"), "{text}");
}
