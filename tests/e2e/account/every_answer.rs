use reqwest::Method;

use super::{EMAIL, is_uuid, signed_in};
use crate::{
    client::{Client, PASSWORD},
    server::Server,
};

#[tokio::test(flavor = "multi_thread")]
async fn that_is_401_names_the_scheme_to_sign_in_with() {
    let server = Server::start();
    let client = Client::of(&server);
    let answers = [
        client.send(client.request(Method::GET, "/auth/me")).await,
        client.get("/users/me", "v4.public.x").await,
        client.send(client.request(Method::GET, "/users/me").basic_auth("jane", Some("x"))).await,
        client.send(client.request(Method::POST, "/auth/logout").header("Authorization", "Bearer")).await,
        client.login(EMAIL, PASSWORD).await,
        client.refresh("v4.local.x").await,
    ];
    for answer in answers {
        assert_eq!(answer.status, 401, "{:#}", answer.body);
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn takes_the_scheme_in_any_letter_case() {
    let (_server, client, tokens) = signed_in(&[]).await;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let header = format!("{scheme} {}", tokens.access);
        client
            .send(client.request(Method::GET, "/auth/me").header("Authorization", header))
            .await
            .expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn echoes_a_fit_request_id_and_makes_one_where_it_is_not() {
    let server = Server::start();
    let client = Client::of(&server);
    let echoed = async |id: &[u8]| {
        let header = reqwest::header::HeaderValue::from_bytes(id).expect("a header");
        let request = client.request(Method::GET, "/auth/me").header("X-Request-Id", header);
        let answer = client.send(request).await;
        answer.expect_error(401, "USER_1006");
        answer.headers["x-request-id"].to_str().expect("a text").to_owned()
    };
    for fit in ["a", "0192f3d4-aBC_x.y~z", &"x".repeat(64)] {
        assert_eq!(echoed(fit.as_bytes()).await, fit);
    }
    for unfit in ["", &"x".repeat(65), "a b", "ä", "a/b", "a\"b", "{}"] {
        assert!(is_uuid(&echoed(unfit.as_bytes()).await), "{unfit:?}");
    }
    assert!(is_uuid(&echoed(b"\xff\xfe").await));
    assert_ne!(echoed(b"").await, echoed(b"").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn good_ones_too_have_a_request_id_and_are_kept_by_no_cache() {
    let (_server, client, tokens) = signed_in(&[]).await;
    let answer = client.get("/users/me", &tokens.access).await;
    answer.expect(200);
    assert!(is_uuid(answer.headers["x-request-id"].to_str().expect("a text")));
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
}
