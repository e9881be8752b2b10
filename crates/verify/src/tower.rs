//! A layer for tower, and so for axum: `Router::new().route("/orders", get(orders)).layer(BearerLayer::new(verifier))`. The
//! [`Claims`](crate::Claims) are among the request's extensions, and with the feature `axum` what handlers take.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::{Permission, Refusal, Verifier};

/// Lets requests with a good token through, and answers the others as RFC 6750 has it.
#[derive(Clone, Debug)]
pub struct BearerLayer {
    verifier: Verifier,
    required: Arc<[Permission]>,
}

/// A service behind [`BearerLayer`].
#[derive(Clone, Debug)]
pub struct Bearer<S> {
    layer: BearerLayer,
    inner: S,
}

impl BearerLayer {
    /// Any good token will do.
    pub fn new(verifier: Verifier) -> Self {
        Self { verifier, required: Arc::default() }
    }

    /// The token must have this permission besides.
    #[must_use]
    pub fn require(mut self, permission: Permission) -> Self {
        self.required = self.required.iter().copied().chain([permission]).collect();
        self
    }
}

impl<S> Layer<S> for BearerLayer {
    type Service = Bearer<S>;

    fn layer(&self, inner: S) -> Bearer<S> {
        Bearer { layer: self.clone(), inner }
    }
}

impl<S, B, R> Service<Request<B>> for Bearer<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    /// At any time: whoever has no good token takes no place of the service within.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let mut inner = self.inner.clone();
        let BearerLayer { verifier, required } = self.layer.clone();
        Box::pin(async move {
            let headers = request.headers().clone();
            match verifier.authenticate(&headers, &required).await {
                Ok(claims) => {
                    request.extensions_mut().insert(claims);
                    poll_fn(|context| inner.poll_ready(context)).await?;
                    inner.call(request).await
                }
                Err(refusal) => Ok(answer(refusal)),
            }
        })
    }
}

/// The answer to a request that is not let through. It has no body: all there is to say is in its head.
pub(crate) fn answer<R: Default>(refusal: Refusal) -> Response<R> {
    let mut response = Response::new(R::default());
    *response.status_mut() = refusal.status();
    let (name, value) = refusal.header();
    response.headers_mut().insert(name, value);
    response
}
