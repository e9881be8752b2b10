//! The HTTP API: one endpoint a file, each with its own wire types, which become commands of the domain at once.

mod address;
mod administration;
mod api_key;
mod auth;
mod bearer;
mod body;
mod boundary;
mod client;
mod company;
mod console;
mod document;
mod error;
mod feature;
mod health;
mod key;
mod language;
mod limit;
mod login_history;
mod message;
mod metrics;
mod page;
mod route;
mod session;
mod steady;
mod stream;
mod timestamp;
mod unread;
mod user;

use std::sync::Arc;

use poem::{EndpointExt, endpoint::BoxEndpoint};
use poem_openapi::{OpenApi, OpenApiService, Tags};
use portcullis_domain::Identity;

use crate::{dependency::Dependency, live::Hub, mail::MailCopies, metric::Metrics, token::RingTokens};
pub(crate) use {boundary::Gate, limit::Limits, stream::render};

/// Who issues tokens, and for whom.
#[derive(Clone)]
pub(crate) struct Authority {
    pub(crate) issuer: String,
    pub(crate) audience: String,
}

/// The groups of the OpenAPI document.
#[derive(Tags)]
enum Group {
    /// Registration, verification, sign-in and tokens.
    Authentication,
    /// A person's own account and sessions.
    Users,
    /// The accounts of others, for those whose role allows it.
    Administration,
    /// Companies and who belongs to them.
    Companies,
    /// The history of an account or a company, event by event.
    Streams,
    /// Keys that programs show.
    ApiKeys,
    /// What programs are let into.
    Features,
    /// How the service is.
    Service,
}

/// Every endpoint of the API.
fn api() -> impl OpenApi {
    let auth = (
        auth::RegisterApi,
        auth::RegisterCompanyApi,
        auth::RegisterUserApi,
        auth::VerifyEmailApi,
        auth::ResendVerificationApi,
        auth::ForgotPasswordApi,
        auth::ResetPasswordApi,
        auth::ChangePasswordApi,
        auth::LoginApi,
        auth::RefreshApi,
        auth::LogoutApi,
        auth::MeApi,
        auth::IntrospectApi,
        auth::RevokeTokenApi,
    );
    let sessions = (session::OwnSessionsApi, session::RevokeSessionApi);
    let administration = (
        administration::ListUsersApi,
        administration::CreateUserApi,
        administration::AccountApi,
        administration::RoleApi,
        administration::StandingApi,
        administration::SessionsOfApi,
    );
    let login_history = (login_history::OwnLoginHistoryApi, login_history::LoginHistoryOfApi);
    let companies = (
        company::OwnCompanyApi,
        company::ListMembersApi,
        company::InviteMemberApi,
        company::ApproveMemberApi,
        company::ChangeMemberRoleApi,
        company::RemoveMemberApi,
        company::GetCompanyApi,
    );
    let keys = (
        api_key::GenerateApiKeyApi,
        api_key::ListApiKeysApi,
        api_key::RevokeApiKeyApi,
        api_key::RotateApiKeyApi,
    );
    let features =
        (feature::FeaturesApi, feature::FeatureApi, feature::AccessFeatureApi, feature::FeatureUsageApi);
    let own = (user::ProfileApi, user::ExportApi);
    let streams = (
        stream::SchemaApi,
        stream::AppendEventApi,
        stream::SnapshotApi,
        stream::ListEventsApi,
        stream::LiveApi,
        stream::HistoryApi,
        stream::MetadataApi,
        stream::DeactivateApi,
        stream::StatusApi,
        stream::SearchApi,
        stream::AuditApi,
    );
    let published = (key::KeysApi, key::JwksApi);
    let keys = (keys, features);
    (
        auth,
        published,
        own,
        sessions,
        login_history,
        administration,
        companies,
        keys,
        streams,
        health::HealthApi,
    )
}

/// The API with its description; the code is the source of both.
fn service() -> OpenApiService<impl OpenApi, ()> {
    OpenApiService::new(api(), "Portcullis", env!("CARGO_PKG_VERSION"))
        .description("Identity and authentication: registration, sign-in, sessions, profiles.")
}

/// The OpenAPI document as JSON.
pub fn openapi_json() -> String {
    let mut document = service().spec();
    document.push('\n');
    document
}

/// The OpenAPI document as YAML.
pub fn openapi_yaml() -> String {
    service().spec_yaml()
}

/// What endpoints ask beside the domain.
pub(crate) struct Beside {
    pub(crate) dependencies: Arc<[Box<dyn Dependency>]>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) tokens: Arc<RingTokens>,
    pub(crate) copies: MailCopies,
    pub(crate) authority: Authority,
}

/// Everything the service serves, with the console's pages in the name of an installation or without; whatever goes wrong inside is
/// answered in the one error shape.
pub(crate) fn endpoint(
    identity: Identity,
    asked: Beside,
    metrics: Arc<Metrics>,
    gate: Gate,
    console_of: Option<&str>,
) -> BoxEndpoint<'static, poem::Response> {
    let service = service();
    let mut unlisted = document::PATHS.to_vec();
    unlisted.push(metrics::PATH);
    let mut all = document::routes(&service).at(metrics::PATH, metrics::endpoint(Arc::clone(&metrics)));
    if let Some(app_name) = console_of {
        unlisted.extend(console::PATHS);
        all = console::routes(all, app_name);
    }
    let routes = route::Routes::of(&service, &unlisted);
    let Beside { dependencies, hub, tokens, copies, authority } = asked;
    let all = all.nest("/", service).data(dependencies).data(hub).data(tokens).data(copies).data(authority);
    boundary::Boundary::new(all, identity, metrics, gate, routes).boxed()
}
