//! The OpenAPI document and the two pages that show it.

use hyper::body::Bytes;
use poem::{Endpoint, EndpointExt, IntoResponse, Response, Route, endpoint::make_sync, get, http::header};
use poem_openapi::{OpenApi, OpenApiService};

/// The pages are inline scripts and styles and talk to this service alone; whatever they would load from elsewhere, such as
/// fonts, is not loaded.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; worker-src blob:; frame-ancestors 'none'; base-uri 'none'";

/// Where they are.
pub(super) const PATHS: [&str; 4] = ["/openapi.json", "/openapi.yaml", "/docs", "/redoc"];

/// What is at [`PATHS`].
pub(super) fn routes<A: OpenApi + 'static>(service: &OpenApiService<A, ()>) -> Route {
    let [json, yaml, docs, redoc] = PATHS;
    Route::new()
        .at(json, get(text(super::openapi_json(), "application/json; charset=utf-8")))
        .at(yaml, get(text(super::openapi_yaml(), "application/yaml; charset=utf-8")))
        .at(docs, get(page(service.swagger_ui_html())))
        .at(redoc, get(page(service.redoc_html())))
}

/// The text is in memory once, however many are sent it at a time: the pages are megabytes.
fn text(body: String, content_type: &'static str) -> impl Endpoint {
    let body = Bytes::from(body);
    make_sync(move |_| Response::builder().content_type(content_type).body(body.clone()))
}

fn page(html: String) -> impl Endpoint {
    text(html, "text/html; charset=utf-8").map_to_response().after(|response| async {
        let response = response?;
        Ok(response.with_header(header::CONTENT_SECURITY_POLICY, PAGE_POLICY).into_response())
    })
}
