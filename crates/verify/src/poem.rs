//! Middleware for poem: `Route::new().at("/orders", get(orders)).with(Bearer::new(verifier))`. Handlers take [`Claims`].

use std::sync::Arc;

use poem::{
    Endpoint, Error, FromRequest, IntoResponse, Middleware, Request, RequestBody, Response, Result,
    error::ResponseError, http::StatusCode,
};

use crate::{Claims, Permission, Refusal, Verifier};

/// Lets requests with a good token through, and answers the others as RFC 6750 has it.
#[derive(Clone, Debug)]
pub struct Bearer {
    verifier: Verifier,
    required: Arc<[Permission]>,
}

/// An endpoint behind [`Bearer`].
#[derive(Debug)]
pub struct BearerEndpoint<E> {
    bearer: Bearer,
    inner: E,
}

impl Bearer {
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

impl<E: Endpoint> Middleware<E> for Bearer {
    type Output = BearerEndpoint<E>;

    fn transform(&self, inner: E) -> BearerEndpoint<E> {
        BearerEndpoint { bearer: self.clone(), inner }
    }
}

impl<E: Endpoint> Endpoint for BearerEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let Bearer { verifier, required } = &self.bearer;
        let claims = verifier.authenticate(request.headers(), required).await?;
        request.extensions_mut().insert(claims);
        Ok(self.inner.call(request).await?.into_response())
    }
}

impl ResponseError for Refusal {
    fn status(&self) -> StatusCode {
        Self::status(*self)
    }

    fn as_response(&self) -> Response {
        let (name, value) = self.header();
        Response::builder().status(Self::status(*self)).header(name, value).finish()
    }
}

impl<'a> FromRequest<'a> for Claims {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        // A route that nobody guards: nobody is let in.
        let unguarded = || Error::from_string("no Bearer middleware", StatusCode::INTERNAL_SERVER_ERROR);
        request.extensions().get().cloned().ok_or_else(unguarded)
    }
}
