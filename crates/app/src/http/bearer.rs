use std::sync::Arc;

use poem::{Request, Result};
use poem_openapi::{SecurityScheme, auth};
use portcullis_domain::{Identity, caller::Caller, value::Secret};

use super::error::Failed;
use crate::metric::Metrics;

/// An access token in the `Authorization` header.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", bearer_format = "PASETO v4.public or JWT", checker = "authenticate", rename = "bearer")]
pub(super) struct Bearer(pub(super) Caller);

async fn authenticate(request: &Request, bearer: auth::Bearer) -> Result<Caller> {
    let identity: &Identity = request.data().expect("every endpoint has the identity beside it");
    let metrics: &Arc<Metrics> = request.data().expect("every endpoint has the metrics beside it");
    let started = tokio::time::Instant::now();
    let caller = identity.authenticate(&Secret::new(bearer.token)).await;
    metrics.account.verified_token(started.elapsed());
    Ok(caller.map_err(Failed::from)?)
}
