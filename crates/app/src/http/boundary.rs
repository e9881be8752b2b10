//! The outermost layer: gives each request its id, its time limit and its line in the log, and turns whatever went wrong inside,
//! panics included, into the one error shape.

use std::{error::Error as _, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use poem::{
    Endpoint, IntoResponse, PathPattern, Request, Response, Result,
    http::{HeaderName, HeaderValue, header},
};
use portcullis_domain::{Identity, code::Code};
use tracing::Instrument;
use uuid::Uuid;

use super::{allow::Allow, error::Failure, unread::Unread};
use crate::causes::chain;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID: usize = 64;

pub(super) struct Boundary<E> {
    inner: E,
    identity: Identity,
    timeout: Duration,
    allow: Allow,
}

impl<E: Endpoint> Boundary<E> {
    pub(super) const fn new(inner: E, identity: Identity, timeout: Duration, allow: Allow) -> Self {
        Self { inner, identity, timeout, allow }
    }

    /// The answer, whatever happens inside, and the pattern of the route that gave it where there is one.
    async fn answer(&self, request: Request, request_id: &str) -> (Response, Option<PathPattern>) {
        let call = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        let (failure, route) = match tokio::time::timeout(self.timeout, call).await {
            Ok(Ok(Ok(response))) => {
                let response = response.into_response();
                let route = response.data::<PathPattern>().cloned();
                return (response, route);
            }
            Ok(Ok(Err(error))) => {
                let route = error.data::<PathPattern>().cloned();
                (Failure::from_error(error), route)
            }
            // The panic's message is in the log already, under this request's span.
            Ok(Err(_panic)) => (Failure::new(Code::Internal), None),
            Err(_elapsed) => (Failure::new(Code::Timeout), None),
        };
        log_failure(&failure);
        let code = failure.code();
        let mut response = failure.into_response(request_id, self.identity.ports().clock.now());
        if let (Code::MethodNotAllowed, Some(pattern)) = (code, &route) {
            response.headers_mut().insert(header::ALLOW, self.allow.on(pattern));
        }
        (response, route)
    }
}

impl<E: Endpoint> Endpoint for Boundary<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let clock = &self.identity.ports().clock;
        let started = tokio::time::Instant::now();
        let request_id =
            request_id(&request).unwrap_or_else(|| self.identity.new_id::<Uuid>(clock.now()).to_string());
        let method = request.method().clone();
        request.set_data(self.identity.clone());
        let unread = Unread::of(&mut request);
        let span = tracing::info_span!("request", id = %request_id);
        let (mut response, route) = self.answer(request, &request_id).instrument(span.clone()).await;
        span.in_scope(|| {
            let status = response.status().as_u16();
            let route = route.as_ref().map_or("", |pattern| &*pattern.0);
            let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(%method, route, status, milliseconds, "answered");
        });
        add_headers(&mut response, &request_id);
        if let Some(unread) = unread
            && !unread.drop_rest().await
        {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }
}

/// The client's id for the request, where it is fit to be logged.
fn request_id(request: &Request) -> Option<String> {
    let id = request.header(&REQUEST_ID)?;
    let is_fit = (1..=MAX_REQUEST_ID).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
    is_fit.then(|| id.to_owned())
}

/// What the service is to blame for is an error with its causes; what a client is to blame for is a line for the curious.
fn log_failure(failure: &Failure) {
    let causes = failure.source().map(|cause| format!(": {}", chain(cause))).unwrap_or_default();
    let code = failure.code();
    match code {
        Code::Internal | Code::Timeout => tracing::error!("{} {}{causes}", code.as_str(), code.name()),
        Code::Overloaded => tracing::warn!("{} {}{causes}", code.as_str(), code.name()),
        _ => tracing::debug!("{} {}{causes}", code.as_str(), code.name()),
    }
}

fn add_headers(response: &mut Response, request_id: &str) {
    let headers = response.headers_mut();
    let request_id = HeaderValue::from_str(request_id).expect("an id is URL-safe text");
    headers.insert(REQUEST_ID, request_id);
    // Answers hold tokens and personal data: no cache may keep them, no browser may guess at them.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
