//! Tokens checked with keys that are fetched: what is taken, what is refused, and how often the service is asked.

use std::time::{Duration, Instant};

use crate::support::{AUDIENCE, FORMATS, ISSUER, Service, claims, good, issuer, now, token};
use axum::http::StatusCode;
use chrono::TimeDelta;
use portcullis_domain::caller::{Permission, Role};
use portcullis_verify::{FetchError, Format, Refusal, Verifier, VerifyError};

/// Long beside anything that happens in these tests, short beside a person's patience.
const FLOOR: Duration = Duration::from_millis(300);

async fn refused(verifier: &Verifier, token: &str) -> VerifyError {
    verifier.verify(token).await.expect_err("it is refused")
}

#[tokio::test]
async fn a_good_token_gives_its_claims_in_each_format() {
    let service = Service::start().await;
    for format in FORMATS {
        let expected = claims(Role::Moderator);
        let taken = service.verifier(format).verify(&token(format, 1, &expected)).await.expect("good");
        assert_eq!(*taken, expected, "{format:?}");
        assert!(taken.has(Permission::UserRead));
        assert_eq!(taken.require(Permission::UserRead), Ok(()));
        let required = Permission::UserDelete;
        assert_eq!(taken.require(required), Err(Refusal::Forbidden { required }));
    }
}

#[tokio::test]
async fn every_kind_of_bad_token_is_refused_in_each_format() {
    let service = Service::start().await;
    for format in FORMATS {
        let verifier = service.builder(format).fetch_at_most_every(Duration::ZERO).build().expect("good");
        let (fine, text) = (claims(Role::User), good(format, 1));
        verifier.verify(&text).await.expect("good");
        let invalid = async |what: &str, token: &str| {
            let error = refused(&verifier, token).await;
            assert!(matches!(error, VerifyError::Invalid), "{format:?} {what}: {error:?}");
        };
        let mut expired = fine.clone();
        expired.expires_at = now() - TimeDelta::seconds(1);
        let error = refused(&verifier, &token(format, 1, &expired)).await;
        assert!(matches!(error, VerifyError::Expired), "{format:?}: {error:?}");
        let mut early = fine.clone();
        early.issued_at = now() + TimeDelta::minutes(1);
        invalid("not yet valid", &token(format, 1, &early)).await;
        invalid("a key that is not published", &good(format, 9)).await;
        for other in FORMATS.into_iter().filter(|other| *other != format) {
            invalid("another format", &good(other, 1)).await;
        }
        let refresh = portcullis_domain::port::RefreshClaims {
            session: fine.session,
            generation: 1,
            issued_at: fine.issued_at,
            expires_at: fine.expires_at,
        };
        invalid("a refresh token", issuer(Format::Paseto, 1).issue_refresh(&refresh).expose()).await;
        for strange in ["", ".", "..", "a.b.c", "v4.public.", "v4.local.AAAA", "eyJhbGciOiJub25lIn0.e30."] {
            invalid(strange, strange).await;
        }
        for place in (0..text.len()).step_by(7) {
            let other = if text.as_bytes()[place] == b'A' { "B" } else { "A" };
            let mut changed = text.clone();
            changed.replace_range(place..=place, other);
            invalid("a changed character", &changed).await;
            invalid("cut off", &text[..place]).await;
        }
        let elsewhere = service.builder(format).audience("elsewhere").build().expect("good");
        assert!(matches!(refused(&elsewhere, &text).await, VerifyError::Invalid), "another audience");
        let stranger = service.builder(format).issuer("https://other.example.com").build().expect("good");
        assert!(matches!(refused(&stranger, &text).await, VerifyError::Invalid), "another issuer");
    }
}

#[tokio::test]
async fn a_clock_that_is_a_little_ahead_is_allowed_for_and_lengthens_no_tokens_life() {
    let service = Service::start().await;
    for format in FORMATS {
        let (fine, verifier) = (claims(Role::User), service.verifier(format));
        let text = token(format, 1, &fine);
        let at = async |time| verifier.verify_at(&text, time).await;
        at(fine.issued_at - TimeDelta::seconds(5)).await.expect("within the leeway");
        assert!(matches!(at(fine.issued_at - TimeDelta::seconds(6)).await, Err(VerifyError::Invalid)));
        at(fine.expires_at - TimeDelta::seconds(1)).await.expect("good to the end");
        assert!(matches!(at(fine.expires_at).await, Err(VerifyError::Expired)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_at_once_fetch_the_keys_once() {
    let service = Service::start().await;
    service.published().takes = Duration::from_millis(50);
    let verifier = service.verifier(Format::Paseto);
    let text = good(Format::Paseto, 1);
    let requests = (0..100).map(|_| {
        let (verifier, text) = (verifier.clone(), text.clone());
        tokio::spawn(async move { verifier.verify(&text).await })
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.expect("no panic").expect("good");
    }
    assert_eq!(service.asked(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_made_since_is_fetched_when_a_token_names_it_and_made_up_names_do_not_hammer_the_service() {
    let service = Service::start().await;
    for format in FORMATS {
        let verifier = service.builder(format).fetch_at_most_every(FLOOR).build().expect("good");
        verifier.verify(&good(format, 1)).await.expect("good");
        let (before, began) = (service.asked(), Instant::now());
        let forged = (0..200_u32).map(|number| {
            let (verifier, text) = (verifier.clone(), good(format, 50 + number % 150));
            tokio::spawn(async move { verifier.verify(&text).await })
        });
        let forged = forged.collect::<Vec<_>>();
        // In the middle of it a key is made and signs at once.
        service.published().epochs.push(3);
        verifier.verify(&good(format, 3)).await.expect("a token of the new key is good");
        for forged in forged {
            assert!(matches!(forged.await.expect("no panic"), Err(VerifyError::Invalid)));
        }
        let (fetches, took) = (service.asked() - before, began.elapsed());
        let allowed = took.as_millis() / FLOOR.as_millis() + 1;
        assert!(u128::try_from(fetches).expect("few") <= allowed, "{fetches} fetches in {took:?}");
        assert!(fetches >= 1);
        service.published().epochs = vec![1, 2];
    }
}

#[tokio::test]
async fn keys_are_kept_as_long_as_the_answer_says_and_asked_for_again_by_their_tag() {
    let service = Service::start().await;
    let text = good(Format::Paseto, 1);
    let verifier = service.builder(Format::Paseto).fetch_at_most_every(Duration::ZERO).build().expect("good");
    for _ in 0..10 {
        verifier.verify(&text).await.expect("good");
    }
    assert_eq!(service.asked(), 1, "kept for five minutes");

    service.published().cache_control = "no-store";
    let verifier = service.builder(Format::Paseto).fetch_at_most_every(Duration::ZERO).build().expect("good");
    verifier.verify(&text).await.expect("good");
    let before = service.asked();
    // Old at once: each use has them asked for again, beside the request.
    let deadline = Instant::now() + Duration::from_secs(30);
    while service.asked() < before + 3 {
        verifier.verify(&text).await.expect("good");
        assert!(Instant::now() < deadline, "old keys are not fetched again");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // A key that is gone from what is published is gone from here.
    service.published().epochs = vec![2];
    while verifier.verify(&text).await.is_ok() {
        assert!(Instant::now() < deadline, "a key that is gone verifies for ever");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn while_the_service_is_away_known_keys_stay_good_and_unknown_ones_are_nobodys_fault() {
    let service = Service::start().await;
    let nobody = Verifier::builder("http://127.0.0.1:9").fetch_at_most_every(Duration::ZERO).build();
    let error = refused(&nobody.expect("good"), &good(Format::Paseto, 1)).await;
    assert!(matches!(error, VerifyError::KeysUnavailable(_)), "{error:?}");
    for format in FORMATS {
        service.published().cache_control = "no-store";
        let verifier = service.builder(format).fetch_at_most_every(Duration::ZERO).build().expect("good");
        verifier.verify(&good(format, 1)).await.expect("good");
        let bad = [
            (StatusCode::INTERNAL_SERVER_ERROR, None),
            (StatusCode::TOO_MANY_REQUESTS, None),
            (StatusCode::OK, Some("<html>")),
            (StatusCode::OK, Some(r#"{"keys": []}"#)),
            (StatusCode::OK, Some(r#"{"keys": [{"paserk": "k4.public.AAAA", "not_after": null}]}"#)),
            (StatusCode::FOUND, None),
        ];
        for (status, body) in bad {
            service.published().status = status;
            service.published().body = body.map(str::to_owned);
            verifier.fetch_keys().await.expect_err("no keys");
            verifier.verify(&good(format, 1)).await.expect("the keys that are known are kept");
            let error = refused(&verifier, &good(format, 7)).await;
            assert!(matches!(error, VerifyError::KeysUnavailable(_)), "{status} {body:?}: {error:?}");
        }
        service.published().status = StatusCode::OK;
        service.published().body = None;
        verifier.fetch_keys().await.expect("it is back");
    }
}

#[tokio::test]
async fn a_request_that_hangs_up_breaks_no_fetch_off_for_the_others() {
    let service = Service::start().await;
    service.published().takes = Duration::from_millis(200);
    let verifier = service.builder(Format::Paseto).fetch_at_most_every(Duration::from_secs(60)).build();
    let (verifier, text) = (verifier.expect("good"), good(Format::Paseto, 1));
    let hasty = tokio::time::timeout(Duration::from_millis(20), verifier.verify(&text)).await;
    assert!(hasty.is_err(), "it hangs up before the keys are there");
    verifier.verify(&text).await.expect("good");
    assert_eq!(service.asked(), 1);
}

#[tokio::test]
async fn a_format_that_the_service_does_not_issue_is_told_at_the_start() {
    let service = Service::start().await;
    service.published().body = Some(r#"{"keys": [{"kty": "RSA", "kid": "1", "alg": "RS256"}]}"#.to_owned());
    let error = service.verifier(Format::JwtEs256).fetch_keys().await.expect_err("no key of that kind");
    assert!(matches!(*error, FetchError::NoKey), "{error:?}");
}

#[test]
fn what_cannot_work_is_refused_when_it_is_built() {
    for address in ["", "id.example.com", "ftp://id.example.com"] {
        assert!(Verifier::builder(address).issuer("issuer").build().is_err(), "{address:?}");
    }
    let builder = || Verifier::builder("https://id.example.com");
    assert!(builder().formats([]).build().is_err());
    assert!(builder().issuer("").build().is_err());
    assert!(builder().audience("a\nb").build().is_err());
    assert!(builder().jwks_url("nowhere").formats([Format::JwtEdDsa]).build().is_err());
    builder().formats(FORMATS).build().expect("good");
}

#[tokio::test]
async fn several_formats_are_taken_where_that_is_asked_for() {
    let service = Service::start().await;
    let verifier = service.builder(Format::Paseto).formats(FORMATS).build().expect("good");
    for format in FORMATS {
        verifier.verify(&good(format, 1)).await.expect("good");
    }
}

#[tokio::test]
async fn who_has_not_asked_for_long_asks_before_an_old_key_lets_anybody_in() {
    let service = Service::start().await;
    service.published().cache_control = "public, max-age=1";
    for format in FORMATS {
        service.published().epochs = vec![1, 2];
        let verifier = service.builder(format).fetch_at_most_every(Duration::ZERO).build().expect("good");
        verifier.verify(&good(format, 1)).await.expect("good");
        // Stolen, and rotated out, while nobody comes here.
        service.published().epochs = vec![2, 3];
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        assert!(matches!(refused(&verifier, &good(format, 1)).await, VerifyError::Invalid), "{format:?}");
        verifier.verify(&good(format, 3)).await.expect("good");
    }
}

#[tokio::test]
async fn old_keys_bridge_an_outage_for_as_long_as_is_said_and_no_longer() {
    let service = Service::start().await;
    service.published().cache_control = "no-store";
    let builder = service.builder(Format::Paseto).fetch_at_most_every(Duration::ZERO);
    let verifier = builder.bridge_outages_of(Duration::from_secs(2)).build().expect("good");
    let began = Instant::now();
    verifier.verify(&good(Format::Paseto, 1)).await.expect("good");
    service.published().status = StatusCode::BAD_GATEWAY;
    while verifier.verify(&good(Format::Paseto, 1)).await.is_ok() {
        assert!(began.elapsed() < Duration::from_secs(60), "for ever");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(began.elapsed() >= Duration::from_secs(2), "it was over after {:?}", began.elapsed());
    let error = refused(&verifier, &good(Format::Paseto, 1)).await;
    assert!(matches!(error, VerifyError::KeysUnavailable(_)), "{error:?}");
    service.published().status = StatusCode::OK;
    verifier.verify(&good(Format::Paseto, 1)).await.expect("it is back");
}

#[tokio::test]
async fn a_key_that_is_none_takes_none_of_the_others_away() {
    let service = Service::start().await;
    for (format, path) in
        FORMATS.into_iter().zip(["/api/v1/auth/keys", "/.well-known/jwks.json", "/.well-known/jwks.json"])
    {
        let published = reqwest::get(format!("{}{path}", service.url())).await.expect("an answer");
        let mut keys: serde_json::Value =
            serde_json::from_str(&published.text().await.expect("a text")).expect("JSON");
        let keys_before = keys["keys"].as_array_mut().expect("keys");
        let mut unfit = keys_before.last().expect("a key").clone();
        unfit["x"] = "AAAA".into();
        unfit["paserk"] = "k5.public.AAAA".into();
        keys_before.insert(0, unfit);
        service.published().body = Some(keys.to_string());
        service.verifier(format).verify(&good(format, 1)).await.expect("good");
        service.published().body = None;
    }
}

#[tokio::test]
async fn keys_from_elsewhere_are_refused_whatever_the_client_follows() {
    let service = Service::start().await;
    let elsewhere = format!("{}/api/v1/auth/keys", service.url());
    let redirect = move || async move { axum::response::Redirect::temporary(&elsewhere) };
    let routes = axum::Router::new().route("/api/v1/auth/keys", axum::routing::get(redirect));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let builder = Verifier::builder(url).issuer(ISSUER).audience(AUDIENCE);
    let verifier = builder.client(reqwest::Client::new()).build().expect("good");
    let error = verifier.fetch_keys().await.expect_err("they are not its own");
    assert!(matches!(*error, FetchError::Redirected), "{error:?}");
}
