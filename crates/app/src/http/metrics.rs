use std::sync::Arc;

use poem::{Response, RouteMethod, endpoint::make_sync, get};

use crate::metric::{CONTENT_TYPE, Metrics};

/// Where scrapers ask. It is no part of the API that the document describes: its form is Prometheus' own.
pub(super) const PATH: &str = "/metrics";

/// Everything that is measured, as text. What takes a round trip to know is known already.
pub(super) fn endpoint(metrics: Arc<Metrics>) -> RouteMethod {
    get(make_sync(move |_| Response::builder().content_type(CONTENT_TYPE).body(metrics.text())))
}
