//! The table. A row is an operation, what it needs to be asked properly, and the status for each kind of caller: whoever adds a route
//! says here who may use it.

use super::KINDS;

pub(super) struct Row {
    /// Method and path, as in the OpenAPI document.
    pub(super) operation: &'static str,
    pub(super) target: Target,
    pub(super) body: Body,
    /// In the order of `KINDS`.
    pub(super) statuses: [u16; KINDS.len()],
}

/// Whose id the path's parameter is.
#[derive(Clone, Copy)]
pub(super) enum Target {
    /// It has none.
    None,
    /// An ordinary account that is not the caller's.
    Bystander,
    /// Somebody who asks to join a company that the caller does not belong to.
    Member,
    /// That company.
    Company,
    /// The caller's own session.
    OwnSession,
    /// An API key of the caller's own.
    OwnKey,
    /// A feature.
    AnyFeature,
}

/// What is sent.
#[derive(Clone, Copy)]
pub(super) enum Body {
    None,
    /// The account of somebody new.
    NewAccount,
    /// The caller's address and password.
    OwnPassword,
    /// The caller's refresh token.
    OwnRefreshToken,
    /// A bystander's `stream_id`, and this.
    OnStream(&'static str),
    /// A feature of a new name.
    NewFeature,
    /// This.
    Json(&'static str),
}

const fn row(operation: &'static str, target: Target, body: Body, statuses: [u16; KINDS.len()]) -> Row {
    Row { operation, target, body, statuses }
}

use Body::{Json, NewAccount, OnStream, OwnPassword, OwnRefreshToken};
use Target::{Bystander, Company, Member, OwnSession};

const NO_BODY: Body = Body::None;
const NO_TARGET: Target = Target::None;
/// A code that was never sent.
const WRONG_CODE: Body = Json(r#"{"email": "nobody@example.com", "code": "000000"}"#);
const UNKNOWN_ADDRESS: Body = Json(r#"{"email": "nobody@example.com"}"#);
/// A token that was never sent.
const WRONG_TOKEN: Body = Json(r#"{"token": "AAAA", "new_password": "N3w-lantern!"}"#);
/// The password of every caller, and another one.
const NEW_PASSWORD: Body = Json(r#"{"current_password": "Tr4vel-light", "new_password": "N3w-lantern!"}"#);
const KEY_NAME: Body = Json(r#"{"name": "ci"}"#);
const ANY_TOKEN: Body = Json(r#"{"token": "AAAA"}"#);
const NEW_NAME: Body = Json(r#"{"name": "Jane Roe"}"#);
const PASSWORD_ALONE: Body = Json(r#"{"password": "Tr4vel-light"}"#);
const MODERATOR: Body = Json(r#"{"role": "moderator"}"#);

#[rustfmt::skip]
pub(super) const TABLE: &[Row] = &[
    // Open to all, whatever token comes with it.       nobody user moderator admin ended other-owner
    row("GET /health/liveness", NO_TARGET, NO_BODY, [200, 200, 200, 200, 200, 200]),
    row("GET /health/readiness", NO_TARGET, NO_BODY, [200, 200, 200, 200, 200, 200]),
    row("GET /api/v1/auth/keys", NO_TARGET, NO_BODY, [200, 200, 200, 200, 200, 200]),
    row("GET /.well-known/jwks.json", NO_TARGET, NO_BODY, [200, 200, 200, 200, 200, 200]),
    row("GET /api/v1/auth/health", NO_TARGET, NO_BODY, [200, 200, 200, 200, 200, 200]),
    row("POST /api/v1/auth/register", NO_TARGET, NewAccount, [201, 201, 201, 201, 201, 201]),
    row("POST /api/v1/auth/verify-email", NO_TARGET, WRONG_CODE, [400, 400, 400, 400, 400, 400]),
    row("POST /api/v1/auth/verify-email/resend", NO_TARGET, UNKNOWN_ADDRESS, [202, 202, 202, 202, 202, 202]),
    row("POST /api/v1/auth/password/forgot", NO_TARGET, UNKNOWN_ADDRESS, [202, 202, 202, 202, 202, 202]),
    row("POST /api/v1/auth/password/reset", NO_TARGET, WRONG_TOKEN, [400, 400, 400, 400, 400, 400]),
    row("POST /api/v1/auth/login", NO_TARGET, OwnPassword, [401, 200, 200, 200, 200, 200]),
    row("POST /api/v1/auth/refresh", NO_TARGET, OwnRefreshToken, [401, 200, 200, 200, 401, 200]),
    row("GET /api/v1/stream/schemas", NO_TARGET, NO_BODY, [200, 200, 200, 200, 200, 200]),
    // Of a type that there is not.
    row("GET /api/v1/stream/schemas/{type}/{version}", NO_TARGET, NO_BODY, [404, 404, 404, 404, 404, 404]),
    // One's own.
    row("POST /api/v1/auth/logout", NO_TARGET, NO_BODY, [401, 200, 200, 200, 401, 200]),
    row("POST /api/v1/auth/password/change", NO_TARGET, NEW_PASSWORD, [401, 200, 200, 200, 401, 200]),
    row("GET /api/v1/auth/me", NO_TARGET, NO_BODY, [401, 200, 200, 200, 401, 200]),
    row("GET /api/v1/users/me", NO_TARGET, NO_BODY, [401, 200, 200, 200, 401, 200]),
    row("PUT /api/v1/users/me", NO_TARGET, NEW_NAME, [401, 200, 200, 200, 401, 200]),
    row("DELETE /api/v1/users/me", NO_TARGET, PASSWORD_ALONE, [401, 200, 200, 200, 401, 200]),
    row("GET /api/v1/users/me/export", NO_TARGET, NO_BODY, [401, 200, 200, 200, 401, 200]),
    row("GET /api/v1/users/me/sessions", NO_TARGET, NO_BODY, [401, 200, 200, 200, 401, 200]),
    row("DELETE /api/v1/users/me/sessions", NO_TARGET, NO_BODY, [401, 200, 200, 200, 401, 200]),
    row("DELETE /api/v1/users/me/sessions/{id}", OwnSession, NO_BODY, [401, 200, 200, 200, 401, 200]),
    row("GET /api/v1/users/me/login-history", NO_TARGET, NO_BODY, [401, 200, 200, 200, 401, 200]),
    // API keys, and what they open.
    row("POST /api/v1/api_key/generate", NO_TARGET, KEY_NAME, [401, 201, 201, 201, 401, 201]),
    row("GET /api/v1/api_key", NO_TARGET, NO_BODY, [401, 200, 200, 200, 401, 200]),
    row("DELETE /api/v1/api_key/{id}", Target::OwnKey, NO_BODY, [401, 200, 200, 200, 401, 200]),
    row("POST /api/v1/api_key/{id}/rotate", Target::OwnKey, NO_BODY, [401, 200, 200, 200, 401, 200]),
    row("POST /api/v1/auth/introspect", NO_TARGET, ANY_TOKEN, [401, 403, 403, 200, 401, 403]),
    row("POST /api/v1/auth/revoke", NO_TARGET, ANY_TOKEN, [200, 200, 200, 200, 200, 200]),
    row("GET /api/v1/feature", NO_TARGET, NO_BODY, [401, 200, 200, 200, 401, 200]),
    row("POST /api/v1/feature", NO_TARGET, Body::NewFeature, [401, 403, 403, 201, 401, 403]),
    row("GET /api/v1/feature/{name}", Target::AnyFeature, NO_BODY, [401, 200, 200, 200, 401, 200]),
    row("PUT /api/v1/feature/{name}", Target::AnyFeature, Json(r#"{"enabled": false}"#), [401, 403, 403, 200, 401, 403]),
    row("DELETE /api/v1/feature/{name}", Target::AnyFeature, NO_BODY, [401, 403, 403, 200, 401, 403]),
    row("GET /api/v1/feature/{name}/usage", Target::AnyFeature, NO_BODY, [401, 403, 403, 200, 401, 403]),
    // With a token alone; with a key too it is told in `api_key::feature`.
    row("POST /api/v1/feature/access/{feature_name}", Target::AnyFeature, NO_BODY, [401, 401, 401, 401, 401, 401]),
    // Others'.
    row("GET /api/v1/users", NO_TARGET, NO_BODY, [401, 403, 200, 200, 401, 403]),
    row("POST /api/v1/admin/users", NO_TARGET, NewAccount, [401, 403, 403, 201, 401, 403]),
    row("GET /api/v1/users/{id}", Bystander, NO_BODY, [401, 403, 200, 200, 401, 403]),
    row("DELETE /api/v1/users/{id}", Bystander, NO_BODY, [401, 403, 403, 200, 401, 403]),
    row("PUT /api/v1/users/{id}", Bystander, NEW_NAME, [401, 403, 403, 200, 401, 403]),
    row("PUT /api/v1/users/{id}/role", Bystander, MODERATOR, [401, 403, 403, 200, 401, 403]),
    row("POST /api/v1/users/{id}/activate", Bystander, NO_BODY, [401, 403, 403, 200, 401, 403]),
    row("POST /api/v1/users/{id}/deactivate", Bystander, NO_BODY, [401, 403, 403, 200, 401, 403]),
    row("POST /api/v1/users/{id}/unlock", Bystander, NO_BODY, [401, 403, 403, 200, 401, 403]),
    row("GET /api/v1/users/{id}/sessions", Bystander, NO_BODY, [401, 403, 200, 200, 401, 403]),
    row("GET /api/v1/users/{id}/login-history", Bystander, NO_BODY, [401, 403, 200, 200, 401, 403]),
    row("DELETE /api/v1/users/{id}/sessions", Bystander, NO_BODY, [401, 403, 403, 200, 401, 403]),
    // Streams: a bystander's.
    row("POST /api/v1/stream/events", NO_TARGET, OnStream(r#""type": "note.made", "data": {}"#), [401, 404, 201, 201, 401, 404]),
    row("POST /api/v1/stream/snapshots", NO_TARGET, OnStream(""), [401, 404, 201, 201, 401, 404]),
    row("PUT /api/v1/stream/metadata", NO_TARGET, OnStream(r#""metadata": {"a": 1}"#), [401, 404, 200, 200, 401, 404]),
    row("POST /api/v1/stream/deactivate", NO_TARGET, OnStream(""), [401, 404, 200, 200, 401, 404]),
    row("GET /api/v1/stream/search", NO_TARGET, NO_BODY, [401, 200, 200, 200, 401, 200]),
    row("GET /api/v1/stream/live/{stream_id}", Bystander, NO_BODY, [401, 404, 200, 200, 401, 404]),
    row("GET /api/v1/stream/events/{stream_id}", Bystander, NO_BODY, [401, 404, 200, 200, 401, 404]),
    row("GET /api/v1/stream/snapshots/{stream_id}/latest", Bystander, NO_BODY, [401, 404, 404, 404, 401, 404]),
    row("GET /api/v1/stream/history/{stream_id}", Bystander, NO_BODY, [401, 404, 200, 200, 401, 404]),
    row("GET /api/v1/stream/status/{stream_id}", Bystander, NO_BODY, [401, 404, 200, 200, 401, 404]),
    row("GET /api/v1/stream/stats/{stream_id}", Bystander, NO_BODY, [401, 404, 200, 200, 401, 404]),
    row("GET /api/v1/stream/audit/{stream_id}", Bystander, NO_BODY, [401, 404, 200, 200, 401, 404]),
    // A company's: of it none of these callers is; what its members may do is told in `company::right`. Under `me` an owner deals with
    // their own company, and finds nobody of another one in it.
    row("POST /api/v1/auth/register/company", NO_TARGET, NewAccount, [201, 201, 201, 201, 201, 201]),
    row("POST /api/v1/auth/register/user", NO_TARGET, NewAccount, [400, 400, 400, 400, 400, 400]),
    row("GET /api/v1/companies/me", NO_TARGET, NO_BODY, [401, 404, 404, 404, 401, 200]),
    row("PUT /api/v1/companies/me", NO_TARGET, NEW_NAME, [401, 404, 404, 404, 401, 200]),
    row("GET /api/v1/companies/me/members", NO_TARGET, NO_BODY, [401, 404, 404, 404, 401, 200]),
    row("POST /api/v1/companies/me/invitations", NO_TARGET, NO_BODY, [401, 404, 404, 404, 401, 201]),
    row("POST /api/v1/companies/me/members/{user_id}/approve", Member, NO_BODY, [401, 404, 404, 404, 401, 404]),
    row("PUT /api/v1/companies/me/members/{user_id}/role", Member, Json(r#"{"role": "member"}"#), [401, 404, 404, 404, 401, 404]),
    row("DELETE /api/v1/companies/me/members/{user_id}", Member, NO_BODY, [401, 404, 404, 404, 401, 404]),
    row("GET /api/v1/companies/{id}", Company, NO_BODY, [401, 403, 200, 200, 401, 403]),
];

/// The only operations that an API key makes a difference to; every other one answers whoever shows a key alone as it does nobody.
pub(super) const WITH_KEY: &[(&str, u16)] = &[("POST /api/v1/auth/introspect", 200)];

impl Row {
    /// The status for whoever shows a good API key and no token.
    pub(super) fn status_with_key(&self) -> u16 {
        let [nobody, ..] = self.statuses;
        WITH_KEY
            .iter()
            .find(|(operation, _)| *operation == self.operation)
            .map_or(nobody, |(_, status)| *status)
    }
}
