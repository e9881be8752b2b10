//! The outermost layer: gives each request its id, its client's address, its time limit, its line in the log and its place in the
//! metrics, turns away whoever asks too often, and turns whatever went wrong inside, panics included, into the one error shape.

use std::{error::Error as _, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt;
use ipnet::IpNet;
use poem::{
    Endpoint, IntoResponse, PathPattern, Request, Response, Result,
    http::{HeaderName, HeaderValue, header},
};
use portcullis_domain::{Identity, code::Code};
use tracing::Instrument;
use uuid::Uuid;

use super::{
    address::{ClientAddress, TrustedProxies},
    error::{Expired, Failure},
    limit::{Limited, Limits},
    route::Routes,
    unread::Unread,
};
use crate::{
    causes::chain,
    metric::{Answered, Metrics},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID: usize = 64;

/// What every request must pass before anything looks at it.
pub(crate) struct Gate {
    /// Whose word on clients' addresses is believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// How often a client may ask, where that is limited.
    pub(crate) limits: Option<Limits>,
    /// How long a request may take.
    pub(crate) timeout: Duration,
}

pub(super) struct Boundary<E> {
    inner: E,
    identity: Identity,
    metrics: Arc<Metrics>,
    proxies: TrustedProxies,
    limits: Option<Limits>,
    timeout: Duration,
    routes: Routes,
}

impl<E: Endpoint> Boundary<E> {
    pub(super) fn new(
        inner: E,
        identity: Identity,
        metrics: Arc<Metrics>,
        gate: Gate,
        routes: Routes,
    ) -> Self {
        let Gate { trusted_proxies, limits, timeout } = gate;
        let proxies = TrustedProxies::new(trusted_proxies);
        Self { inner, identity, metrics, proxies, limits, timeout, routes }
    }

    /// Counts the request against its client, and has it answered where it is not one too many.
    async fn admit(&self, request: Request, request_id: &str) -> (Response, Option<Code>) {
        let client = request.data().copied().unwrap_or(ClientAddress(None));
        let limited = match &self.limits {
            Some(limits) => limits.count(&request, client).await,
            None => None,
        };
        let (mut response, code) = match limited.as_ref().and_then(Limited::refusal) {
            Some(wait) => (self.refuse(Failure::rate_limited(wait), request_id), Some(Code::RateLimited)),
            None => self.answer(request, request_id).await,
        };
        if let Some(limited) = limited {
            limited.tell(&mut response);
        }
        (response, code)
    }

    fn refuse(&self, failure: Failure, request_id: &str) -> Response {
        log_failure(&failure);
        failure.into_response(request_id, self.identity.ports().clock.now())
    }

    /// The answer, whatever happens inside, and what went wrong; the pattern of the route that gave it is among its data.
    async fn answer(&self, request: Request, request_id: &str) -> (Response, Option<Code>) {
        let call = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        let (failure, route) = match tokio::time::timeout(self.timeout, call).await {
            Ok(Ok(Ok(response))) => {
                return (response.into_response(), None);
            }
            Ok(Ok(Err(error))) => {
                let route = error.data::<PathPattern>().cloned();
                (Failure::from_error(error), route)
            }
            // The panic's message is in the log already, under this request's span.
            Ok(Err(_panic)) => (Failure::new(Code::Internal), None),
            Err(_elapsed) => (Failure::new(Code::Timeout), None),
        };
        let code = failure.code();
        let mut response = self.refuse(failure, request_id);
        if let (Code::MethodNotAllowed, Some(pattern)) = (code, &route) {
            response.headers_mut().insert(header::ALLOW, self.routes.allow(pattern));
        }
        if let Some(pattern) = route {
            response.set_data(pattern);
        }
        (response, Some(code))
    }
}

impl<E> Boundary<E> {
    /// The pattern of the route that answered, as the document has it.
    fn endpoint(&self, response: &Response, code: Option<Code>, path: &str) -> Option<&str> {
        match (response.data::<PathPattern>(), code) {
            (Some(pattern), _) => self.routes.path(pattern),
            (None, Some(Code::Internal | Code::Timeout | Code::RateLimited)) => self.routes.find(path),
            (None, _) => None,
        }
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
        let path = request.uri().path().to_owned();
        request.set_data(self.identity.clone());
        request.set_data(Arc::clone(&self.metrics));
        request.set_data(self.proxies.client_of(&request));
        let unread = Unread::of(&mut request);
        let span = tracing::info_span!("request", id = %request_id);
        let (mut response, code) = self.admit(request, &request_id).instrument(span.clone()).await;
        let (status, elapsed) = (response.status().as_u16(), started.elapsed());
        let endpoint = self.endpoint(&response, code, &path);
        let is_expired = response.data::<Expired>().is_some();
        self.metrics.answered(&Answered { method: &method, endpoint, status, code, is_expired, elapsed });
        span.in_scope(|| {
            let route = endpoint.unwrap_or_default();
            let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
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
