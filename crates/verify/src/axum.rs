//! What axum's handlers take and give.

use axum_core::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};

use crate::{Claims, Refusal, tower::answer};

impl<S: Sync> FromRequestParts<S> for Claims {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        // A route that nobody guards: nobody is let in.
        parts.extensions.get().cloned().ok_or((StatusCode::INTERNAL_SERVER_ERROR, "no BearerLayer"))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        answer(self)
    }
}
