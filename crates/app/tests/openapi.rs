//! The OpenAPI document is the contract that clients are made from: a change of it is seen in a review, or not made.

use serde_json::Value;

const CHECKED_IN: &str = include_str!("../../../openapi.json");
const STALE: &str =
    "openapi.json is not what the code says any more; read the change, and write the file anew: just openapi";

/// Every operation in a line: what it is called by, what it needs, and which statuses it answers with. That what is limited may be
/// refused by 429 is tested beside the table of limits.
fn overview(document: &Value) -> String {
    let mut lines = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let statuses = operation["responses"].as_object().expect("responses").keys().cloned();
            let statuses: Vec<_> = statuses.filter(|status| status != "429").collect();
            let caller = if operation["security"].is_array() { " bearer" } else { "" };
            lines.push(format!("{} {path}{caller}: {}", method.to_uppercase(), statuses.join(" ")));
        }
    }
    lines.sort();
    lines.join("\n")
}

#[test]
fn the_document_is_the_one_that_is_checked_in() {
    let document = portcullis_app::openapi_json();
    // For whoever has to write the file anew: what the code says now.
    let now = concat!(env!("CARGO_TARGET_TMPDIR"), "/openapi.json");
    std::fs::write(now, &document).expect("the folder of tests is ours");
    for (number, (is, was)) in document.lines().zip(CHECKED_IN.lines()).enumerate() {
        assert_eq!(is, was, "line {}: {STALE}", number + 1);
    }
    assert!(document == CHECKED_IN, "{STALE}");
}

#[test]
fn these_are_the_operations() {
    let document: Value = serde_json::from_str(&portcullis_app::openapi_json()).expect("JSON");
    insta::assert_snapshot!(overview(&document), @r"
    DELETE /api/v1/api_key/{id} bearer: 200 400 401 404 default
    DELETE /api/v1/companies/me/members/{user_id} bearer: 200 400 401 403 404 409 default
    DELETE /api/v1/feature/{name} bearer: 200 401 403 404 default
    DELETE /api/v1/users/me bearer: 200 400 401 403 404 409 423 503 default
    DELETE /api/v1/users/me/sessions bearer: 200 401 default
    DELETE /api/v1/users/me/sessions/{id} bearer: 200 400 401 404 default
    DELETE /api/v1/users/{id} bearer: 200 400 401 403 404 409 default
    DELETE /api/v1/users/{id}/sessions bearer: 200 400 401 403 404 default
    GET /.well-known/jwks.json: 200 304
    GET /api/v1/api_key bearer: 200 400 401 default
    GET /api/v1/auth/health: 200 503
    GET /api/v1/auth/keys: 200 304
    GET /api/v1/auth/me bearer: 200 401 default
    GET /api/v1/companies/me bearer: 200 401 403 404 default
    GET /api/v1/companies/me/members bearer: 200 400 401 403 404 default
    GET /api/v1/companies/{id} bearer: 200 400 401 403 404 default
    GET /api/v1/feature bearer: 200 400 401 default
    GET /api/v1/feature/{name} bearer: 200 401 404 default
    GET /api/v1/feature/{name}/usage bearer: 200 400 401 403 404 default
    GET /api/v1/stream/audit/{stream_id} bearer: 200 400 401 404 default
    GET /api/v1/stream/events/{stream_id} bearer: 200 400 401 404 default
    GET /api/v1/stream/history/{stream_id} bearer: 200 400 401 404 default
    GET /api/v1/stream/live/{stream_id} bearer: 200 400 401 404 503 default
    GET /api/v1/stream/schemas/{type}/{version}: 200 404 default
    GET /api/v1/stream/schemas: 200 default
    GET /api/v1/stream/search bearer: 200 400 401 404 default
    GET /api/v1/stream/snapshots/{stream_id}/latest bearer: 200 400 401 404 default
    GET /api/v1/stream/stats/{stream_id} bearer: 200 400 401 404 default
    GET /api/v1/stream/status/{stream_id} bearer: 200 400 401 404 default
    GET /api/v1/users bearer: 200 400 401 403 default
    GET /api/v1/users/me bearer: 200 401 404 default
    GET /api/v1/users/me/export bearer: 200 401 404 default
    GET /api/v1/users/me/login-history bearer: 200 400 401 default
    GET /api/v1/users/me/sessions bearer: 200 401 default
    GET /api/v1/users/{id} bearer: 200 400 401 403 404 default
    GET /api/v1/users/{id}/login-history bearer: 200 400 401 403 404 default
    GET /api/v1/users/{id}/sessions bearer: 200 400 401 403 404 default
    GET /health/liveness: 200
    GET /health/readiness: 200 503
    POST /api/v1/admin/users bearer: 201 400 401 403 409 503 default
    POST /api/v1/api_key/generate bearer: 201 400 401 403 404 409 default
    POST /api/v1/api_key/{id}/rotate bearer: 200 400 401 404 default
    POST /api/v1/auth/introspect bearer: 200 400 401 403 415 default
    POST /api/v1/auth/login: 200 400 401 403 409 423 503 default
    POST /api/v1/auth/logout bearer: 200 400 401 default
    POST /api/v1/auth/password/change bearer: 200 400 401 403 423 503 default
    POST /api/v1/auth/password/forgot: 202 400 default
    POST /api/v1/auth/password/reset: 200 400 503 default
    POST /api/v1/auth/refresh: 200 400 401 default
    POST /api/v1/auth/register/company: 201 400 409 503 default
    POST /api/v1/auth/register/user: 201 400 404 409 503 default
    POST /api/v1/auth/register: 201 400 409 503 default
    POST /api/v1/auth/revoke: 200 400 415 default
    POST /api/v1/auth/verify-email/resend: 202 400 default
    POST /api/v1/auth/verify-email: 200 400 default
    POST /api/v1/companies/me/invitations bearer: 201 400 401 403 404 default
    POST /api/v1/companies/me/members/{user_id}/approve bearer: 200 400 401 403 404 default
    POST /api/v1/feature bearer: 201 400 401 403 404 409 default
    POST /api/v1/feature/access/{feature_name} bearer: 200 401 403 404 default
    POST /api/v1/stream/deactivate bearer: 200 400 401 403 404 503 default
    POST /api/v1/stream/events bearer: 201 400 401 403 404 409 503 default
    POST /api/v1/stream/snapshots bearer: 201 400 401 403 404 409 503 default
    POST /api/v1/users/{id}/activate bearer: 200 400 401 403 404 default
    POST /api/v1/users/{id}/deactivate bearer: 200 400 401 403 404 409 default
    POST /api/v1/users/{id}/unlock bearer: 200 400 401 403 404 default
    PUT /api/v1/companies/me bearer: 200 400 401 403 404 409 default
    PUT /api/v1/companies/me/members/{user_id}/role bearer: 200 400 401 403 404 409 default
    PUT /api/v1/feature/{name} bearer: 200 400 401 403 404 default
    PUT /api/v1/stream/metadata bearer: 200 400 401 403 404 409 503 default
    PUT /api/v1/users/me bearer: 200 400 401 404 409 default
    PUT /api/v1/users/{id} bearer: 200 400 401 403 404 409 default
    PUT /api/v1/users/{id}/role bearer: 200 400 401 403 404 409 default
    ");
}

#[test]
fn no_path_stands_there_twice_so_that_none_of_its_operations_is_lost() {
    // The framework writes a path once for each implementation that has operations of it, and readers keep the last.
    let mut paths: Vec<_> = CHECKED_IN.lines().filter(|line| line.starts_with("    \"/")).collect();
    let all = paths.len();
    paths.sort_unstable();
    paths.dedup();
    assert!(all > 0 && paths.len() == all, "put the operations of one path into one `impl`: {paths:#?}");
}

#[test]
fn every_operation_has_a_summary_and_an_error_shape() {
    let document: Value = serde_json::from_str(&portcullis_app::openapi_json()).expect("JSON");
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
            assert!(operation["operationId"].is_string(), "{method} {path}");
            for (status, response) in operation["responses"].as_object().expect("responses") {
                let is_error = status == "default" || status.starts_with('4');
                let shape = &response["content"]["application/json; charset=utf-8"]["schema"]["$ref"];
                assert!(
                    !is_error || shape == "#/components/schemas/ErrorResponse",
                    "{method} {path} {status}"
                );
            }
        }
    }
}
