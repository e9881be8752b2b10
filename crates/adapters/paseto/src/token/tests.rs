use chrono::TimeDelta;
use data_encoding::BASE64URL_NOPAD;
use portcullis_domain::key_ring::{Lifetimes, SigningKey};
use portcullis_domain::token::MAX_NAME_LENGTH;
use portcullis_domain::{
    caller::{Permission, Role},
    id::{CompanyId, SessionId, TokenId, UserId},
};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::verifier::MAX_TOKEN_LENGTH;

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "portcullis";
const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn key(epoch: u32) -> SigningKey {
    let byte = u8::try_from(epoch).expect("a small epoch");
    let mut material = [byte; 64];
    material[32..].fill(byte + 100);
    SigningKey::new(epoch, material)
}

/// Keys made a while ago, the newest three at once: what the last but two signed is good for a while yet.
fn ring(keys: Vec<SigningKey>) -> KeyRing {
    let lifetimes = Lifetimes { access: Duration::from_secs(3600), refresh: Duration::from_secs(7200) };
    KeyRing::new(keys.into_iter().map(|key| (key, time(-1000))), lifetimes)
}

fn ring_of(epochs: &[u32]) -> KeyRing {
    ring(epochs.iter().copied().map(key).collect())
}

fn paseto(epochs: &[u32]) -> Paseto {
    Paseto::new(&ring_of(epochs), ISSUER, AUDIENCE).expect("good keys and names")
}

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_769_846_400 + seconds, 0).expect("a near time")
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

fn refresh() -> RefreshClaims {
    RefreshClaims {
        session: SessionId::new(Uuid::from_u128(3)),
        generation: u64::MAX,
        issued_at: time(0),
        expires_at: time(3600),
    }
}

/// Signs any payload with the active key of `paseto`, as only the service can.
fn signed(paseto: &Paseto, payload: &str) -> Secret {
    let keys = paseto.keys();
    let key = keys.active();
    let footer = Some(key.verifying.footer.as_bytes());
    Secret::new(PublicToken::sign(&key.secret, payload.as_bytes(), footer, None).expect("signs"))
}

fn payload_of(token: &Secret) -> serde_json::Value {
    let body = token.expose().split('.').nth(2).expect("a body");
    let bytes = BASE64URL_NOPAD.decode(body.as_bytes()).expect("base64");
    serde_json::from_slice(&bytes[..bytes.len() - 64]).expect("json")
}

fn assert_invalid(paseto: &Paseto, text: impl Into<String>) {
    let token = Secret::new(text);
    assert_eq!(paseto.verify_access(&token, time(1)), Err(TokenError::Invalid), "{}", token.expose());
    assert_eq!(paseto.verify_refresh(&token, time(1)), Err(TokenError::Invalid), "{}", token.expose());
}

#[test]
fn tokens_verify_to_the_claims_they_were_issued_with() {
    let paseto = paseto(&[1]);
    assert_eq!(paseto.verify_access(&paseto.issue_access(&access()), time(0)), Ok(access()));
    assert_eq!(paseto.verify_refresh(&paseto.issue_refresh(&refresh()), time(0)), Ok(refresh()));
}

#[test]
fn an_access_token_says_what_other_services_read_in_it() {
    let token = paseto(&[1]).issue_access(&access());
    let expected = json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "00000000-0000-0000-0000-000000000002",
        "jti": "00000000-0000-0000-0000-000000000001",
        "sid": "00000000-0000-0000-0000-000000000003",
        "cid": "00000000-0000-0000-0000-000000000004",
        "iat": "2026-01-31T08:00:00Z",
        "nbf": "2026-01-31T08:00:00Z",
        "exp": "2026-01-31T08:30:00Z",
        "role": "moderator",
        "perms": ["user:read", "company:read", "stream:read", "stream:write"],
    });
    assert_eq!(payload_of(&token), expected);
}

#[test]
fn footers_name_the_key_by_its_paserk_id() {
    let paseto = paseto(&[1]);
    let footer = |token: Secret| {
        let part = token.expose().rsplit('.').next().map(str::to_owned).expect("a footer");
        let bytes = BASE64URL_NOPAD.decode(part.as_bytes()).expect("base64");
        serde_json::from_slice::<serde_json::Value>(&bytes).expect("json")
    };
    let [public] = paseto.public_keys().try_into().expect("one key");
    assert!(public.id.starts_with("k4.pid."), "{}", public.id);
    assert_eq!(footer(paseto.issue_access(&access())), json!({ "kid": public.id }));
    let local = footer(paseto.issue_refresh(&refresh()));
    assert!(local["kid"].as_str().is_some_and(|id| id.starts_with("k4.lid.")), "{local}");
}

#[test]
fn a_service_with_the_public_key_alone_verifies_an_access_token() {
    let paseto = paseto(&[1]);
    // The library checks times against the machine's clock, wherever that stands.
    let ages =
        AccessClaims { issued_at: time(-1_000_000_000), expires_at: time(200_000_000_000), ..access() };
    let token = paseto.issue_access(&ages);
    let [public] = paseto.public_keys().try_into().expect("one key");
    let public = pasetors::keys::AsymmetricPublicKey::<V4>::try_from(public.paserk.as_str()).expect("PASERK");
    let untrusted = UntrustedToken::<pasetors::Public, V4>::try_from(token.expose()).expect("a token");
    let mut rules = pasetors::claims::ClaimsValidationRules::new();
    rules.validate_issuer_with(ISSUER);
    rules.validate_audience_with(AUDIENCE);
    let trusted = pasetors::public::verify(&public, &untrusted, &rules, None, None).expect("verifies");
    let claims = trusted.payload_claims().expect("claims");
    assert_eq!(claims.get_claim("role"), Some(&json!("moderator")));
}

#[test]
fn the_active_key_signs_and_every_key_verifies() {
    let rotated = paseto(&[3, 1, 2]);
    let keys: Vec<_> = rotated.public_keys().iter().map(|key| (key.epoch, key.state)).collect();
    assert_eq!(keys, [(1, KeyState::Retired), (2, KeyState::Active), (3, KeyState::Next)]);
    for epoch in [1, 2, 3] {
        let alone = paseto(&[epoch]);
        assert!(rotated.verify_access(&alone.issue_access(&access()), time(0)).is_ok(), "{epoch}");
        assert!(rotated.verify_refresh(&alone.issue_refresh(&refresh()), time(0)).is_ok(), "{epoch}");
        let is_active = epoch == 2;
        assert_eq!(alone.verify_access(&rotated.issue_access(&access()), time(0)).is_ok(), is_active);
        assert_eq!(alone.verify_refresh(&rotated.issue_refresh(&refresh()), time(0)).is_ok(), is_active);
    }
}

#[test]
fn a_retired_key_verifies_nothing_once_all_that_it_signed_has_expired() {
    let (alone, rotated) = (paseto(&[1]), paseto(&[1, 2, 3]));
    let retired = &rotated.public_keys()[0];
    let until = retired.not_after.expect("it is retired");
    // Nobody signs what lasts so long but with a key that was taken away.
    let forged = AccessClaims { expires_at: time(1_000_000), ..access() };
    let forged = alone.issue_access(&forged);
    assert!(rotated.verify_access(&forged, until - TimeDelta::seconds(1)).is_ok());
    assert_eq!(rotated.verify_access(&forged, until), Err(TokenError::Invalid));
    assert!(alone.verify_access(&forged, until).is_ok());
    let forged = alone.issue_refresh(&RefreshClaims { expires_at: time(1_000_000), ..refresh() });
    assert!(rotated.verify_refresh(&forged, until).is_ok(), "they live longer");
    assert_eq!(rotated.verify_refresh(&forged, time(900_000)), Err(TokenError::Invalid));
    // What has expired was good once, and is told so however late.
    let old = alone.issue_access(&access());
    assert_eq!(rotated.verify_access(&old, time(900_000)), Err(TokenError::Expired));
}

#[test]
fn another_ring_takes_the_place_of_the_one_before_at_once() {
    let paseto = paseto(&[1, 2]);
    let before = (paseto.issue_access(&access()), paseto.issue_refresh(&refresh()));
    paseto.set_keys(&ring_of(&[1, 2, 3])).expect("good keys");
    let after = (paseto.issue_access(&access()), paseto.issue_refresh(&refresh()));
    assert_ne!(before.0.expose().rsplit('.').next(), after.0.expose().rsplit('.').next());
    for (access_token, refresh_token) in [before, after] {
        assert_eq!(paseto.verify_access(&access_token, time(0)), Ok(access()));
        assert_eq!(paseto.verify_refresh(&refresh_token, time(0)), Ok(refresh()));
    }
    assert_eq!(paseto.set_keys(&KeyRing::default()), Err(PasetoError::NoKey));
    assert_eq!(paseto.public_keys().len(), 3, "a ring that cannot be used changes nothing");
}

#[test]
fn a_token_of_a_key_that_is_not_there_is_known_by_its_footer() {
    let (ours, theirs) = (paseto(&[1]), paseto(&[2]));
    for token in [theirs.issue_access(&access()), theirs.issue_refresh(&refresh())] {
        assert!(ours.names_unknown_key(&token));
        assert!(!theirs.names_unknown_key(&token));
    }
    for text in ["", "v4.public.", "eyJhbGciOiJub25lIn0.e30.", "v4.public.AAAA.AAAA"] {
        assert!(!ours.names_unknown_key(&Secret::new(text)), "{text}");
    }
}

#[test]
fn another_key_is_not_believed() {
    let other = paseto(&[2]);
    assert_invalid(&paseto(&[1]), other.issue_access(&access()).expose());
    assert_invalid(&paseto(&[1]), other.issue_refresh(&refresh()).expose());
}

#[test]
fn another_key_that_names_one_of_ours_is_not_believed() {
    let (ours, theirs) = (paseto(&[1]), paseto(&[2]));
    let payload = payload_of(&ours.issue_access(&access())).to_string();
    let (our_keys, their_keys) = (ours.keys(), theirs.keys());
    let footer = Some(our_keys.active().verifying.footer.as_bytes());
    let forged = PublicToken::sign(&their_keys.active().secret, payload.as_bytes(), footer, None);
    assert_invalid(&ours, forged.expect("signs"));
    let footer = Some(our_keys.active().refresh_footer.as_bytes());
    let forged = LocalToken::encrypt(&their_keys.active().local, b"{}", footer, Some(REFRESH_PURPOSE));
    assert_invalid(&ours, forged.expect("encrypts"));
}

#[test]
fn another_issuer_or_audience_with_the_same_key_is_invalid_and_never_expired() {
    let ours = paseto(&[1]);
    for (issuer, audience) in [("https://other.example.com", AUDIENCE), (ISSUER, "other"), (AUDIENCE, ISSUER)]
    {
        let other = Paseto::new(&ring_of(&[1]), issuer, audience).expect("a good key");
        for now in [time(1), time(9999)] {
            let verified = ours.verify_access(&other.issue_access(&access()), now);
            assert_eq!(verified, Err(TokenError::Invalid), "{issuer} {audience}");
            let verified = ours.verify_refresh(&other.issue_refresh(&refresh()), now);
            assert_eq!(verified, Err(TokenError::Invalid), "{issuer} {audience}");
        }
    }
}

#[test]
fn one_kind_of_token_is_not_the_other() {
    let paseto = paseto(&[1]);
    let access = paseto.issue_access(&access());
    let refresh = paseto.issue_refresh(&refresh());
    assert_eq!(paseto.verify_refresh(&access, time(1)), Err(TokenError::Invalid));
    assert_eq!(paseto.verify_access(&refresh, time(1)), Err(TokenError::Invalid));
    assert_invalid(&paseto, access.expose().replace("v4.public.", "v4.local."));
    assert_invalid(&paseto, refresh.expose().replace("v4.local.", "v4.public."));
}

#[test]
fn a_local_token_made_for_another_purpose_is_no_refresh_token() {
    let paseto = paseto(&[1]);
    let keys = paseto.keys();
    let key = keys.active();
    let claims =
        serde_json::to_vec(&Refresh::new(paseto.bounds(time(0), time(60)), &refresh())).expect("json");
    let footer = Some(key.refresh_footer.as_bytes());
    for purpose in [None, Some(&b"another purpose"[..])] {
        let token = LocalToken::encrypt(&key.local, &claims, footer, purpose).expect("encrypts");
        assert_invalid(&paseto, token);
    }
}

#[test]
fn a_token_is_good_until_it_expires_and_expired_from_then_on() {
    let paseto = paseto(&[1]);
    let token = paseto.issue_access(&access());
    assert!(paseto.verify_access(&token, time(1799)).is_ok());
    assert_eq!(paseto.verify_access(&token, time(1800)), Err(TokenError::Expired));
    let token = paseto.issue_refresh(&refresh());
    assert!(paseto.verify_refresh(&token, time(3599)).is_ok());
    assert_eq!(paseto.verify_refresh(&token, time(3600)), Err(TokenError::Expired));
    assert_eq!(paseto.verify_refresh(&token, DateTime::<Utc>::MAX_UTC), Err(TokenError::Expired));
}

#[test]
fn a_token_from_the_future_is_invalid_beyond_the_leeway() {
    let paseto = paseto(&[1]);
    let token = paseto.issue_access(&access());
    assert!(paseto.verify_access(&token, time(-5)).is_ok());
    assert_eq!(paseto.verify_access(&token, time(-6)), Err(TokenError::Invalid));
    let token = paseto.issue_refresh(&refresh());
    assert!(paseto.verify_refresh(&token, time(-5)).is_ok());
    assert_eq!(paseto.verify_refresh(&token, time(-6)), Err(TokenError::Invalid));
}

#[test]
fn the_leeway_can_be_set_and_lengthens_no_life() {
    let token = paseto(&[1]).issue_access(&access());
    let exact = paseto(&[1]).with_clock_leeway(Duration::ZERO);
    assert_eq!(exact.verify_access(&token, time(-1)), Err(TokenError::Invalid));
    assert!(exact.verify_access(&token, time(0)).is_ok());
    let boundless = paseto(&[1]).with_clock_leeway(Duration::MAX);
    assert!(boundless.verify_access(&token, time(-1_000_000)).is_ok());
    assert_eq!(boundless.verify_access(&token, time(1800)), Err(TokenError::Expired));
}

#[test]
fn a_token_issued_within_a_second_is_good_at_that_very_moment() {
    let paseto = paseto(&[1]);
    let now = time(0) + TimeDelta::milliseconds(999);
    let token = paseto.issue_access(&AccessClaims { issued_at: now, ..access() });
    assert_eq!(paseto.verify_access(&token, now).map(|claims| claims.issued_at), Ok(time(0)));
}

#[test]
fn any_changed_character_makes_a_token_invalid() {
    let paseto = paseto(&[1]);
    for token in [paseto.issue_access(&access()), paseto.issue_refresh(&refresh())] {
        let text = token.expose();
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            let index = ALPHABET.bytes().position(|byte| byte == bytes[at]);
            // The next letter of the alphabet differs in the lowest bit, which in a part's last letter can be a spare one.
            bytes[at] = index.map_or(b'A', |index| ALPHABET.as_bytes()[index ^ 1]);
            assert_invalid(&paseto, String::from_utf8(bytes).expect("ascii"));
        }
    }
}

#[test]
fn a_part_has_no_second_spelling() {
    let paseto = paseto(&[1]);
    for token in [paseto.issue_access(&access()), paseto.issue_refresh(&refresh())] {
        let parts: Vec<_> = token.expose().split('.').collect();
        for part in [2, 3] {
            let (last, head) = (parts[part].len() - 1, &parts[part][..parts[part].len() - 1]);
            let spellings = ALPHABET
                .chars()
                .filter(|letter| *letter != char::from(parts[part].as_bytes()[last]))
                .map(|letter| format!("{head}{letter}"))
                .chain(["=", "==", " ", "\n", "\0", "A", "AAAA"].map(|end| format!("{}{end}", parts[part])))
                .chain([head.to_owned(), String::new()]);
            for spelling in spellings {
                let mut changed = parts.clone();
                changed[part] = &spelling;
                assert_invalid(&paseto, changed.join("."));
            }
        }
        assert_invalid(&paseto, parts[..3].join("."));
        assert_invalid(&paseto, format!("{}.", token.expose()));
        assert_invalid(&paseto, format!("{}.{}", token.expose(), parts[3]));
        assert_invalid(&paseto, format!(" {}", token.expose()));
    }
}

#[test]
fn what_is_no_token_of_version_4_is_invalid() {
    let paseto = paseto(&[1]);
    let token = paseto.issue_access(&access());
    let rest = token.expose().strip_prefix("v4.public.").expect("a header");
    for header in
        ["v1.public.", "v2.public.", "v3.public.", "v3.local.", "v5.public.", "V4.PUBLIC.", "v4.none."]
    {
        assert_invalid(&paseto, format!("{header}{rest}"));
    }
    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    for jwt_header in [r#"{"alg":"none"}"#, r#"{"alg":"HS256","typ":"JWT"}"#, r#"{"alg":"EdDSA"}"#] {
        let claims = payload_of(&token).to_string();
        assert_invalid(&paseto, format!("{}.{}.", part(jwt_header), part(&claims)));
        assert_invalid(&paseto, format!("{}.{}.{}", part(jwt_header), part(&claims), part("signature")));
    }
    for text in
        ["", ".", "...", "v4.public.", "v4.local.", "v4.public..", "null", "\0", "🔑", "v4.public.🔑.🔑"]
    {
        assert_invalid(&paseto, text);
    }
}

#[test]
fn a_footer_can_only_choose_among_our_keys() {
    let paseto = paseto(&[1]);
    let payload = payload_of(&paseto.issue_access(&access())).to_string();
    let kid = paseto.public_keys()[0].id.clone();
    for footer in [
        String::new(),
        "{}".to_owned(),
        kid.clone(),
        json!({ "kid": kid, "alg": "none" }).to_string(),
        format!(r#"{{"kid":"{kid}" }}"#),
        format!(r#"{{"kid":"{kid}","wpk":"{}"}}"#, paseto.public_keys()[0].paserk),
        json!({ "kid": "k4.pid.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }).to_string(),
        "[".repeat(500),
    ] {
        let keys = paseto.keys();
        let token =
            PublicToken::sign(&keys.active().secret, payload.as_bytes(), Some(footer.as_bytes()), None);
        assert_invalid(&paseto, token.expect("signs"));
    }
}

#[test]
fn a_signed_payload_that_lacks_or_doubles_a_claim_is_invalid() {
    let paseto = paseto(&[1]);
    let good = payload_of(&paseto.issue_access(&access()));
    assert!(paseto.verify_access(&signed(&paseto, &good.to_string()), time(1)).is_ok());
    for name in good.as_object().expect("an object").keys() {
        let mut lacking = good.clone();
        lacking.as_object_mut().expect("an object").remove(name);
        // Who belongs to no company has no `cid`.
        if name != "cid" {
            assert_invalid(&paseto, signed(&paseto, &lacking.to_string()).expose());
        }
        let doubled = format!(r#"{{"{name}":{},{}"#, good[name], &good.to_string()[1..]);
        assert_invalid(&paseto, signed(&paseto, &doubled).expose());
    }
    for text in ["null", "[]", "{}", "\"\"", "1", "{", "no json"] {
        assert_invalid(&paseto, signed(&paseto, text).expose());
    }
}

#[test]
fn an_unknown_role_is_invalid_and_an_unknown_permission_is_left_out() {
    let paseto = paseto(&[1]);
    let mut claims = payload_of(&paseto.issue_access(&access()));
    claims["perms"] = json!(["user:read", "moon:read", "USER:DELETE"]);
    claims["cid"] = json!(null);
    claims["alg"] = json!("none");
    let verified = paseto.verify_access(&signed(&paseto, &claims.to_string()), time(1)).expect("verifies");
    assert_eq!(verified.permissions, [Permission::UserRead]);
    for role in [json!("root"), json!("Admin"), json!(null), json!(["admin"])] {
        claims["role"] = role;
        assert_invalid(&paseto, signed(&paseto, &claims.to_string()).expose());
    }
}

#[test]
fn longer_texts_than_any_token_are_not_looked_at() {
    let paseto = paseto(&[1]);
    let mut claims = payload_of(&paseto.issue_access(&access()));
    claims["more"] = json!("x".repeat(MAX_TOKEN_LENGTH));
    assert_invalid(&paseto, signed(&paseto, &claims.to_string()).expose());
    assert_invalid(&paseto, format!("v4.public.{}", "A".repeat(2 << 20)));
}

#[test]
fn the_longest_token_that_can_be_issued_verifies() {
    let name = "\"".repeat(MAX_NAME_LENGTH);
    let paseto = Paseto::new(&ring_of(&[1]), &name, &name).expect("good names");
    let claims = AccessClaims { role: Role::Admin, permissions: Permission::ALL.to_vec(), ..access() };
    let token = paseto.issue_access(&claims);
    assert!(token.expose().len() < MAX_TOKEN_LENGTH - 1000, "{}", token.expose().len());
    assert_eq!(paseto.verify_access(&token, time(1)), Ok(claims));
}

#[test]
fn keys_and_names_that_make_no_good_tokens_are_refused() {
    let refused = |keys: Vec<SigningKey>, issuer: &str, audience: &str| {
        Paseto::new(&ring(keys), issuer, audience).expect_err("refused")
    };
    assert_eq!(refused(Vec::new(), ISSUER, AUDIENCE), PasetoError::NoKey);
    let zeros = vec![key(1), SigningKey::new(2, [0; 64])];
    assert_eq!(refused(zeros, ISSUER, AUDIENCE), PasetoError::Key(KeyError::Weak { epoch: 2 }));
    for name in ["", "a\nb", &"a".repeat(MAX_NAME_LENGTH + 1)] {
        assert_eq!(refused(vec![key(1)], name, AUDIENCE), PasetoError::Issuer);
        assert_eq!(refused(vec![key(1)], ISSUER, name), PasetoError::Audience);
    }
}

#[test]
fn debug_shows_no_key() {
    assert_eq!(
        format!("{:?}", paseto(&[1, 2])),
        r#"Paseto { keys: [Key(epoch 1, ***), Key(epoch 2, ***)], issuer: "https://id.example.com", audience: "portcullis", .. }"#
    );
}
