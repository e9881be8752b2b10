//! The one place where failures become answers: which code, which status, which details. A new failure of a use case breaks
//! the build here.

mod account;
mod administration;
mod company;
mod key;
mod live;
mod privacy;
mod schema;
mod session;
mod stream;

use std::{collections::BTreeMap, fmt, time::Duration};

use poem::{
    Response,
    error::{
        MethodNotAllowedError, NotFoundError, ParsePathError as UndecodablePathError, ReadBodyError,
        ResponseError,
    },
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiResponse, Object,
    error::{AuthorizationError, ContentTypeError, ParseParamError},
    payload::{Json, Payload},
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};
use portcullis_domain::{
    administration::LastAdmin,
    caller::PermissionDenied,
    code::Code,
    port::{HashError, Source, StoreError},
    session::AccountLocked,
    value::{PasswordRule, Violations},
};
use serde_json::{Map, Value, json};

use super::{
    limit::{self, whole_seconds},
    timestamp::Timestamp,
};

/// How long to wait before asking a store again that just failed.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// The body of every error.
#[derive(Object)]
struct ErrorResponse {
    /// One of the codes of the contract, such as `USER_1001`.
    error_code: String,
    /// What went wrong, for a person.
    message: String,
    /// What went wrong, for a program; for field errors `fields` maps a field's name to a list of messages.
    details: Value,
    /// When.
    timestamp: Timestamp,
    /// The request's id, by which the log has more.
    request_id: String,
}

/// A request that failed: everything its answer says, and the cause that only the log says.
#[derive(Debug)]
pub(super) struct Failure {
    code: Code,
    message: &'static str,
    details: Map<String, Value>,
    retry_after: Option<Duration>,
    is_expired: bool,
    cause: Option<Source>,
}

/// That what was sent was right, and too late: for the metrics, with the answer's data. The answer itself says nothing of it.
#[derive(Clone, Copy)]
pub(super) struct Expired;

const fn status(code: Code) -> StatusCode {
    match code {
        Code::CodeInvalid
        | Code::PasswordReused
        | Code::WeakPassword
        | Code::InvalidEmailFormat
        | Code::InvitationInvalid
        | Code::EventTypeReserved
        | Code::ValidationFailed => StatusCode::BAD_REQUEST,
        Code::InvalidCredentials
        | Code::TokenExpired
        | Code::TokenInvalid
        | Code::ApiKeyInvalid
        | Code::SessionExpired
        | Code::RefreshTokenReused => StatusCode::UNAUTHORIZED,
        Code::AccountDisabled
        | Code::EmailNotVerified
        | Code::PermissionDenied
        | Code::MembershipPending
        | Code::FeatureDisabled
        | Code::FeatureAccessDenied
        | Code::ReauthenticationRequired => StatusCode::FORBIDDEN,
        Code::AccountLocked => StatusCode::LOCKED,
        Code::UserNotFound
        | Code::SessionNotFound
        | Code::CompanyNotFound
        | Code::StreamNotFound
        | Code::SnapshotNotFound
        | Code::ApiKeyNotFound
        | Code::FeatureNotFound
        | Code::NotFound => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::EmailAlreadyExists
        | Code::UsernameAlreadyExists
        | Code::TooManySessions
        | Code::BusinessNumberAlreadyExists
        | Code::StreamInactive
        | Code::VersionConflict
        | Code::IdempotencyConflict
        | Code::FeatureAlreadyExists
        | Code::StateConflict => StatusCode::CONFLICT,
        Code::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        Code::Timeout => StatusCode::GATEWAY_TIMEOUT,
    }
}

const fn message(code: Code) -> &'static str {
    match code {
        Code::InvalidCredentials => "Invalid email or password",
        Code::AccountDisabled => "This account is deactivated",
        Code::AccountLocked => "Too many wrong passwords; try again later",
        Code::PermissionDenied => "This account may not do that",
        Code::EmailNotVerified => "The e-mail address is not verified yet",
        Code::TokenExpired => "The token has expired",
        Code::TokenInvalid => "The token is missing or invalid",
        Code::CodeInvalid => "The code is wrong, used or expired",
        Code::ReauthenticationRequired => "The current password is wrong or missing",
        Code::UserNotFound => "There is no such user",
        Code::EmailAlreadyExists => "This e-mail address is already registered",
        Code::WeakPassword => "The password is too weak",
        Code::InvalidEmailFormat => "This is not an e-mail address",
        Code::UsernameAlreadyExists => "This username is already taken",
        Code::PasswordReused => "This is one of the last passwords; choose another one",
        Code::SessionNotFound => "There is no such session",
        Code::TooManySessions => "This account has as many sessions as it may; end one of them first",
        Code::SessionExpired => "The session has ended; sign in again",
        Code::RefreshTokenReused => "The refresh token was used before; the session has been ended",
        Code::CompanyNotFound => "There is no such company, or this account belongs to none",
        Code::BusinessNumberAlreadyExists => "This business number is already registered",
        Code::MembershipPending => "The membership has not been approved yet",
        Code::InvitationInvalid => "The invitation is wrong, used or expired",
        Code::StreamNotFound => "There is no such stream",
        Code::StreamInactive => "The stream is not active: nothing more is written on it",
        Code::VersionConflict => "The stream is at another version",
        Code::EventTypeReserved => "This type is one of the service's own",
        Code::SnapshotNotFound => "There is no snapshot of this stream",
        Code::IdempotencyConflict => "This Idempotency-Key was used for another request",
        Code::ApiKeyNotFound => "There is no such API key",
        Code::ApiKeyInvalid => "The API key is missing or invalid",
        Code::FeatureNotFound => "There is no such feature",
        Code::FeatureAlreadyExists => "There is a feature of this name already",
        Code::FeatureDisabled => "The feature is disabled",
        Code::FeatureAccessDenied => "Access to the feature is refused",
        Code::ValidationFailed => "The request is not valid",
        Code::RateLimited => "Too many requests; try again later",
        Code::StateConflict => "The request cannot be done as things are",
        Code::NotFound => "There is nothing at this path",
        Code::MethodNotAllowed => "This path does not know the method",
        Code::PayloadTooLarge => "The body is too large",
        Code::UnsupportedMediaType => "The body must be application/json",
        Code::Timeout => "The request took too long",
        Code::Overloaded => "The service is busy; try again later",
        Code::Internal => "The service failed; the log says more under the request id",
    }
}

impl Failure {
    pub(super) fn new(code: Code) -> Self {
        Self {
            code,
            message: message(code),
            details: Map::new(),
            retry_after: None,
            is_expired: false,
            cause: None,
        }
    }

    /// A request whose fields are not what they must be.
    pub(super) fn invalid_fields(fields: &BTreeMap<impl AsRef<str> + Ord, Vec<String>>) -> Self {
        Self::new(Code::ValidationFailed).with_fields(fields)
    }

    /// A request one of whose fields is not what it must be.
    pub(super) fn invalid_field(name: &str, problem: &str) -> Self {
        Self::invalid_fields(&BTreeMap::from([(name, vec![problem.to_owned()])]))
    }

    /// A request that is not valid as a whole.
    pub(super) fn invalid(reason: &str) -> Self {
        let mut failure = Self::new(Code::ValidationFailed);
        failure.details.insert("reason".to_owned(), reason.into());
        failure
    }

    /// A request that what is there forbids.
    fn forbidden_by(reason: &str) -> Self {
        let mut failure = Self::new(Code::StateConflict);
        failure.details.insert("reason".to_owned(), reason.into());
        failure
    }

    /// A request for which the caller lacks something.
    fn denied(required: &str) -> Self {
        let mut failure = Self::new(Code::PermissionDenied);
        failure.details.insert("required".to_owned(), required.into());
        failure
    }

    fn with_fields(mut self, fields: &BTreeMap<impl AsRef<str> + Ord, Vec<String>>) -> Self {
        let fields: Map<_, _> =
            fields.iter().map(|(name, texts)| (name.as_ref().to_owned(), json!(texts))).collect();
        self.details.insert("fields".to_owned(), fields.into());
        self
    }

    fn caused_by(mut self, cause: impl Into<Source>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What was sent was right, and too late.
    fn expired(mut self) -> Self {
        self.is_expired = true;
        self
    }

    /// A client that has asked too often.
    pub(super) fn rate_limited(wait: Duration) -> Self {
        Self::new(Code::RateLimited).retry_after(wait)
    }

    fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Turns whatever the framework or an endpoint failed with into a failure.
    pub(super) fn from_error(error: poem::Error) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(failure) => return failure,
            Err(error) => error,
        };
        // A path that is not UTF-8 once it is decoded is no path of this service.
        if error.is::<NotFoundError>() || error.is::<UndecodablePathError>() {
            Self::new(Code::NotFound)
        } else if error.is::<MethodNotAllowedError>() {
            Self::new(Code::MethodNotAllowed)
        } else if error.is::<ContentTypeError>() {
            Self::new(Code::UnsupportedMediaType)
        } else if error.is::<AuthorizationError>() {
            Self::new(Code::TokenInvalid)
        } else if let Some(error) = error.downcast_ref::<ReadBodyError>() {
            match error {
                ReadBodyError::PayloadTooLarge => Self::new(Code::PayloadTooLarge),
                _ => Self::invalid("the body cannot be read"),
            }
        } else if let Some(error) = error.downcast_ref::<ParseParamError>() {
            Self::invalid_field(error.name, "is not valid")
        } else if error.status().is_client_error() {
            // What does not parse, and whatever else the framework blames on the request. Its texts repeat what was sent,
            // which may be a secret.
            Self::new(Code::ValidationFailed)
        } else {
            Self::new(Code::Internal).caused_by(error.to_string())
        }
    }

    /// The code, for the log.
    pub(super) const fn code(&self) -> Code {
        self.code
    }

    /// The answer.
    pub(super) fn into_response(self, request_id: &str, now: chrono::DateTime<chrono::Utc>) -> Response {
        let body = ErrorResponse {
            error_code: self.code.as_str().to_owned(),
            message: self.message.to_owned(),
            details: self.details.into(),
            timestamp: now.into(),
            request_id: request_id.to_owned(),
        };
        let mut response = poem::IntoResponse::into_response(Json(body));
        response.set_status(status(self.code));
        if self.is_expired {
            response.set_data(Expired);
        }
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait).max(1)));
        }
        if status(self.code) == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.as_str())
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl ResponseError for Failure {
    fn status(&self) -> StatusCode {
        status(self.code)
    }
}

/// A use case's failures as answers of an endpoint: `CODES` is what the OpenAPI document says of them.
pub(super) trait Fails: Send + Sync + 'static {
    const CODES: &'static [Code];

    fn into_failure(self) -> Failure;
}

/// The failing side of an endpoint's answer.
pub(super) struct Failed<E>(Failure, std::marker::PhantomData<E>);

impl<E: Fails> From<E> for Failed<E> {
    fn from(error: E) -> Self {
        Self(error.into_failure(), std::marker::PhantomData)
    }
}

/// A request that fails before its use case is reached, in a way that the use case's `CODES` name.
impl<E> From<Failure> for Failed<E> {
    fn from(failure: Failure) -> Self {
        Self(failure, std::marker::PhantomData)
    }
}

impl<E> From<Failed<E>> for poem::Error {
    fn from(failed: Failed<E>) -> Self {
        failed.0.into()
    }
}

impl<E: Fails> ApiResponse for Failed<E> {
    fn meta() -> MetaResponses {
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        // Whoever asks too often is told so whatever they ask.
        for code in E::CODES.iter().chain(&[Code::RateLimited]) {
            by_status.entry(status(*code).as_u16()).or_default().push(*code);
        }
        let describe = |codes: Vec<Code>| {
            let lines =
                codes.iter().map(|code| format!("`{}` {}: {}", code.as_str(), code.name(), code.meaning()));
            lines.collect::<Vec<_>>().join("\n\n")
        };
        let mut responses: Vec<_> = by_status
            .into_iter()
            .map(|(status, codes)| error_response(Some(status), describe(codes)))
            .collect();
        responses.push(error_response(None, "Any other failure, in the same shape.".to_owned()));
        MetaResponses { responses }
    }

    fn register(registry: &mut Registry) {
        ErrorResponse::register(registry);
    }
}

fn error_response(status: Option<u16>, description: String) -> MetaResponse {
    let is_limit = status == Some(StatusCode::TOO_MANY_REQUESTS.as_u16());
    MetaResponse {
        // The registry wants texts that live as long as the program; these are made once for each endpoint.
        description: description.leak(),
        status,
        status_range: None,
        content: vec![MetaMediaType {
            content_type: Json::<ErrorResponse>::CONTENT_TYPE,
            schema: ErrorResponse::schema_ref(),
        }],
        headers: if is_limit { limit_headers() } else { Vec::new() },
    }
}

/// What the answer to one request too many says beside its body.
fn limit_headers() -> Vec<MetaHeader> {
    let retry_after = ("Retry-After", "In how many seconds one more may be made.");
    let headers = std::iter::once(&retry_after).chain(&limit::HEADERS);
    let describe = |(name, description): &(&str, &str)| MetaHeader {
        name: (*name).to_owned(),
        description: Some((*description).to_owned()),
        required: true,
        deprecated: false,
        schema: u64::schema_ref(),
    };
    headers.map(describe).collect()
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Contention => {
                Self::new(Code::Overloaded).retry_after(STORE_RETRY).caused_by(error)
            }
            StoreError::Corrupt(_) => Self::new(Code::Internal).caused_by(error),
        }
    }
}

impl From<PermissionDenied> for Failure {
    fn from(denied: PermissionDenied) -> Self {
        Self::denied(denied.required.as_str())
    }
}

impl From<LastAdmin> for Failure {
    fn from(LastAdmin: LastAdmin) -> Self {
        Self::forbidden_by("last_admin")
    }
}

impl From<HashError> for Failure {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy { retry_after } => Self::new(Code::Overloaded).retry_after(retry_after),
            HashError::Failed(_) => Self::new(Code::Internal).caused_by(error),
        }
    }
}

impl From<AccountLocked> for Failure {
    fn from(AccountLocked { retry_after }: AccountLocked) -> Self {
        let mut failure = Self::new(Code::AccountLocked).retry_after(retry_after);
        let seconds = whole_seconds(retry_after).max(1);
        failure.details.insert("retry_after_seconds".to_owned(), seconds.into());
        failure
    }
}

impl From<Violations> for Failure {
    fn from(violations: Violations) -> Self {
        let code = if violations.email_error().is_some() {
            Code::InvalidEmailFormat
        } else if !violations.password_rules().is_empty() {
            Code::WeakPassword
        } else {
            Code::ValidationFailed
        };
        let mut failure = Self::new(code).with_fields(violations.fields());
        if !violations.password_rules().is_empty() {
            let reasons: Vec<_> =
                violations.password_rules().iter().map(|rule| PasswordRule::name(*rule)).collect();
            failure.details.insert("reasons".to_owned(), json!(reasons));
        }
        failure
    }
}
