//! The registry of error codes: fixed names that clients rely on. Their HTTP statuses are the service's business.

macro_rules! codes {
    ($(#[doc = $doc:literal] $variant:ident = $code:literal, $name:literal;)+) => {
        /// An error code of the wire contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $doc] $variant,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// When it is answered.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $doc.trim_start(),)+
                }
            }

            /// The code's name in documents.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

codes! {
    /// Unknown account or wrong password.
    InvalidCredentials = "USER_1001", "INVALID_CREDENTIALS";
    /// Right password, account deactivated.
    AccountDisabled = "USER_1002", "ACCOUNT_DISABLED";
    /// Too many wrong passwords from one network, whether there is such an account or not; `details.retry_after_seconds`.
    AccountLocked = "USER_1003", "ACCOUNT_LOCKED";
    /// Right password, address not verified.
    EmailNotVerified = "USER_1004", "EMAIL_NOT_VERIFIED";
    /// An authentic token past its time.
    TokenExpired = "USER_1005", "TOKEN_EXPIRED";
    /// A token that is missing, malformed, forged, revoked or meant for something else.
    TokenInvalid = "USER_1006", "TOKEN_INVALID";
    /// The caller may not do it; `details.required` names the permission.
    PermissionDenied = "USER_1007", "PERMISSION_DENIED";
    /// A code that is wrong, used or expired.
    CodeInvalid = "USER_1008", "CODE_INVALID";
    /// The act needs the password again, and it was wrong or missing.
    ReauthenticationRequired = "USER_1009", "REAUTHENTICATION_REQUIRED";
    /// No such user.
    UserNotFound = "USER_1101", "USER_NOT_FOUND";
    /// The address has an account.
    EmailAlreadyExists = "USER_1102", "EMAIL_ALREADY_EXISTS";
    /// The password breaks a rule.
    WeakPassword = "USER_1103", "WEAK_PASSWORD";
    /// Not an e-mail address.
    InvalidEmailFormat = "USER_1104", "INVALID_EMAIL_FORMAT";
    /// The username has an account.
    UsernameAlreadyExists = "USER_1105", "USERNAME_ALREADY_EXISTS";
    /// One of the last passwords.
    PasswordReused = "USER_1106", "PASSWORD_REUSED";
    /// No such session of one's own.
    SessionNotFound = "USER_1201", "SESSION_NOT_FOUND";
    /// Refresh after the session ended or ran out.
    SessionExpired = "USER_1202", "SESSION_EXPIRED";
    /// As many sessions as an account may have, where none of them ends for another one.
    TooManySessions = "USER_1203", "TOO_MANY_SESSIONS";
    /// A rotated refresh token came back.
    RefreshTokenReused = "USER_1204", "REFRESH_TOKEN_REUSED";
    /// No such company, or a caller who belongs to none.
    CompanyNotFound = "COMPANY_2101", "COMPANY_NOT_FOUND";
    /// The business number has a company.
    BusinessNumberAlreadyExists = "COMPANY_2102", "BUSINESS_NUMBER_ALREADY_EXISTS";
    /// The caller asks to join a company, and is not approved yet.
    MembershipPending = "COMPANY_2103", "MEMBERSHIP_PENDING";
    /// An invitation that is wrong, used, expired, or for somebody else.
    InvitationInvalid = "COMPANY_2104", "INVITATION_INVALID";
    /// No such stream, or none that the caller may see.
    StreamNotFound = "STREAM_3101", "STREAM_NOT_FOUND";
    /// Clients write no more on the stream.
    StreamInactive = "STREAM_3102", "STREAM_INACTIVE";
    /// The stream is at another version; `details.expected`, `details.actual`.
    VersionConflict = "STREAM_3103", "VERSION_CONFLICT";
    /// The type is one of the service's own.
    EventTypeReserved = "STREAM_3104", "EVENT_TYPE_RESERVED";
    /// No snapshot of the stream that can be believed.
    SnapshotNotFound = "STREAM_3105", "SNAPSHOT_NOT_FOUND";
    /// No such API key of one's own or one's company's.
    ApiKeyNotFound = "KEY_4101", "API_KEY_NOT_FOUND";
    /// An API key that is missing, mistyped, unknown, revoked or expired.
    ApiKeyInvalid = "KEY_4102", "API_KEY_INVALID";
    /// No such feature.
    FeatureNotFound = "FEATURE_5101", "FEATURE_NOT_FOUND";
    /// The name has a feature.
    FeatureAlreadyExists = "FEATURE_5102", "FEATURE_ALREADY_EXISTS";
    /// Nobody is let into the feature.
    FeatureDisabled = "FEATURE_5103", "FEATURE_DISABLED";
    /// This caller is not let into the feature; `details.reason` says why.
    FeatureAccessDenied = "FEATURE_5104", "FEATURE_ACCESS_DENIED";
    /// The request does not have the shape or the values it must.
    ValidationFailed = "COMMON_9001", "VALIDATION_FAILED";
    /// The request is valid, and what is there forbids it; `details.reason` says what.
    StateConflict = "COMMON_9001", "VALIDATION_FAILED";
    /// More requests than one address may make in a time.
    RateLimited = "COMMON_9002", "RATE_LIMITED";
    /// Unknown path.
    NotFound = "COMMON_9003", "NOT_FOUND";
    /// The path does not know the method.
    MethodNotAllowed = "COMMON_9004", "METHOD_NOT_ALLOWED";
    /// The body is too large.
    PayloadTooLarge = "COMMON_9005", "PAYLOAD_TOO_LARGE";
    /// The body is not of a type that the path reads.
    UnsupportedMediaType = "COMMON_9006", "UNSUPPORTED_MEDIA_TYPE";
    /// The request ran past its limit.
    Timeout = "COMMON_9007", "TIMEOUT";
    /// The service has more to do than it can, or a store is down.
    Overloaded = "COMMON_9008", "OVERLOADED";
    /// The service failed.
    Internal = "COMMON_9009", "INTERNAL";
    /// The `Idempotency-Key` was used for another request.
    IdempotencyConflict = "COMMON_9010", "IDEMPOTENCY_CONFLICT";
}
