//! What requests are answered behind the middleware of each framework: the same.

#![expect(clippy::needless_pass_by_value, reason = "handlers take what they are given")]

use std::{
    convert::Infallible,
    future::{Ready, poll_fn, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use crate::support::{Service, claims, good, token};
use axum::http::{Request as HttpRequest, StatusCode};
use poem::{Endpoint, EndpointExt, IntoResponse, Route, handler};
use portcullis_domain::caller::{Permission, Role};
use portcullis_verify::{Claims, Format, Refusal, Verifier, poem::Bearer, tower::BearerLayer};
use tower_layer::Layer as _;
use tower_service::Service as _;

/// A status, and what `WWW-Authenticate` says.
type Answer = (u16, Option<String>);

#[handler]
fn poem_orders(claims: Claims) -> String {
    claims.user.to_string()
}

#[handler]
fn poem_picky(claims: Claims) -> Result<String, Refusal> {
    claims.require(Permission::UserDelete)?;
    Ok(String::new())
}

async fn asked_of_poem(verifier: &Verifier, path: &str, authorization: &[&str]) -> Answer {
    let routes = Route::new()
        .at("/orders", poem_orders.with(Bearer::new(verifier.clone())))
        .at("/picky", poem_picky.with(Bearer::new(verifier.clone())))
        .at("/few", poem_orders.with(Bearer::new(verifier.clone()).require(Permission::UserRead)))
        .at("/unguarded", poem_orders);
    let mut request = poem::Request::builder().uri_str(path);
    for value in authorization {
        request = request.header("authorization", *value);
    }
    let response = match routes.call(request.finish()).await {
        Ok(response) => response.into_response(),
        Err(error) => error.into_response(),
    };
    let challenge = response.headers().get("www-authenticate");
    (response.status().as_u16(), challenge.map(|text| text.to_str().expect("a text").to_owned()))
}

async fn asked_of_axum(verifier: &Verifier, path: &str, authorization: &[&str]) -> Answer {
    use axum::{Router, routing::get};
    let orders = async |claims: Claims| claims.user.to_string();
    let picky = async |claims: Claims| claims.require(Permission::UserDelete);
    let any = BearerLayer::new(verifier.clone());
    let few = any.clone().require(Permission::UserRead);
    let mut routes = Router::new()
        .route("/orders", get(orders))
        .route("/picky", get(picky))
        .layer(any)
        .merge(Router::new().route("/few", get(orders)).layer(few))
        .route("/unguarded", get(orders));
    let mut request = HttpRequest::get(path);
    for value in authorization {
        request = request.header("authorization", *value);
    }
    let request = request.body(axum::body::Body::empty()).expect("a request");
    let response = routes.call(request).await.expect("it cannot fail");
    let challenge = response.headers().get("www-authenticate");
    (response.status().as_u16(), challenge.map(|text| text.to_str().expect("a text").to_owned()))
}

#[tokio::test]
async fn both_frameworks_answer_as_rfc_6750_has_it() {
    let service = Service::start().await;
    let verifier = service.verifier(Format::Paseto);
    let (user, moderator) = (good(Format::Paseto, 1), token(Format::Paseto, 1, &claims(Role::Moderator)));
    let (user, moderator) = (format!("Bearer {user}"), format!("Bearer {moderator}"));
    let invalid = r#"Bearer error="invalid_token", error_description="The token is invalid""#;
    let cases: [(&str, &[&str], u16, Option<&str>); 10] = [
        ("/orders", &[&user], 200, None),
        ("/orders", &[], 401, Some("Bearer")),
        ("/orders", &["Basic YTpi"], 401, Some("Bearer")),
        ("/orders", &["Bearer nonsense"], 401, Some(invalid)),
        ("/orders", &[&user, &user], 400, Some(r#"Bearer error="invalid_request""#)),
        ("/few", &[&user], 403, Some(r#"Bearer error="insufficient_scope", scope="user:read""#)),
        ("/few", &[&moderator], 200, None),
        ("/few", &[], 401, Some("Bearer")),
        ("/picky", &[&moderator], 403, Some(r#"Bearer error="insufficient_scope", scope="user:delete""#)),
        ("/unguarded", &[&user], 500, None),
    ];
    for (path, authorization, status, challenge) in cases {
        let expected = (status, challenge.map(str::to_owned));
        assert_eq!(asked_of_poem(&verifier, path, authorization).await, expected, "poem {path}");
        // Axum answers a permitted `()` with 200 as well.
        assert_eq!(asked_of_axum(&verifier, path, authorization).await, expected, "axum {path}");
    }
}

#[tokio::test]
async fn where_keys_cannot_be_had_the_token_is_not_called_bad() {
    let service = Service::start().await;
    service.published().status = StatusCode::INTERNAL_SERVER_ERROR;
    let verifier = service.verifier(Format::Paseto);
    let shown = format!("Bearer {}", good(Format::Paseto, 1));
    assert_eq!(asked_of_poem(&verifier, "/orders", &[&shown]).await, (503, None));
}

/// A service that counts how often somebody takes a place in it.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicUsize>);

impl tower_service::Service<HttpRequest<()>> for Counted {
    type Response = axum::http::Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: HttpRequest<()>) -> Self::Future {
        ready(Ok(axum::http::Response::new(())))
    }
}

#[tokio::test]
async fn who_has_no_good_token_takes_no_place_of_the_service_within() {
    let service = Service::start().await;
    let counted = Counted::default();
    let mut guarded = BearerLayer::new(service.verifier(Format::Paseto)).layer(counted.clone());
    for (token, status, taken) in [("nonsense".to_owned(), 401, 0), (good(Format::Paseto, 1), 200, 1)] {
        let request = HttpRequest::get("/").header("authorization", format!("Bearer {token}"));
        poll_fn(|context| guarded.poll_ready(context)).await.expect("ready");
        let response = guarded.call(request.body(()).expect("a request")).await.expect("an answer");
        assert_eq!((response.status().as_u16(), counted.0.load(Ordering::Relaxed)), (status, taken));
    }
}
