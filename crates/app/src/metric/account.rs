use poem::http::Method;
use portcullis_domain::code::Code;
use prometheus::{Histogram, IntCounterVec};
use tokio::time::Duration;

use super::{Answered, book::Book};

const SUCCESS: &str = "success";
const FAILED: &str = "failed";
const RATE_LIMITED: &str = "rate_limited";
const EXPIRED: &str = "expired";
const STATUSES: [&str; 3] = [SUCCESS, FAILED, RATE_LIMITED];
const STATUS: (&str, &str) = ("status", "`success`, `failed` or `rate_limited`");

/// What people do with accounts, by the route they do it on. A new route that is one of these is a line here.
const ACTS: [(&str, Act); 6] = [
    ("/api/v1/auth/login", Act::SignIn),
    ("/api/v1/auth/register", Act::SignUp),
    ("/api/v1/auth/register/company", Act::SignUp),
    ("/api/v1/auth/register/user", Act::SignUp),
    ("/api/v1/auth/verify-email", Act::EmailVerification),
    ("/api/v1/auth/password/reset", Act::PasswordReset),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    SignIn,
    SignUp,
    EmailVerification,
    PasswordReset,
}

/// What people do with their accounts, and what somebody else tries with them. It is read off the answers: what an answer does
/// not tell apart, such as an unknown address and a wrong password, is one here too. A code that was right and has expired is told
/// from one that is wrong: only who has the code can send it.
pub(crate) struct AccountMetrics {
    sign_ins: IntCounterVec,
    sign_in_durations: Histogram,
    failed_sign_ins: IntCounterVec,
    sign_ups: IntCounterVec,
    email_verifications: IntCounterVec,
    password_resets: IntCounterVec,
    token_verification_durations: Histogram,
    suspicious: IntCounterVec,
}

impl AccountMetrics {
    pub(super) fn new(book: &mut Book) -> Self {
        let metrics = Self {
            sign_ins: book.counters("user_login_attempts_total", &[STATUS], "Sign-ins that were tried."),
            sign_in_durations: book.durations(
                "user_login_duration_seconds",
                "How long a sign-in took in which a password was checked, right or wrong.",
            ),
            failed_sign_ins: book.counters(
                "user_failed_login_attempts_total",
                &[("reason", "the name of the error code, in lower case; `invalid_credentials` is an unknown account or a wrong password, which nothing tells apart")],
                "Sign-ins that failed.",
            ),
            sign_ups: book.counters("user_signup_total", &[STATUS], "Registrations that were tried."),
            email_verifications: book.counters(
                "user_email_verification_total",
                &[("status", "`success`, `failed` (a code that is wrong or used, among others), `expired` (a code that was right, and too late) or `rate_limited`")],
                "Verifications of an address that were tried.",
            ),
            password_resets: book.counters(
                "user_password_reset_total",
                &[STATUS],
                "New passwords that were tried to be set with a mailed token.",
            ),
            token_verification_durations: book.durations(
                "user_token_verification_duration_seconds",
                "How long it took to tell whether an access token is good and its session lives.",
            ),
            suspicious: book.counters(
                "user_suspicious_activity_total",
                &[("activity_type", "`refresh_token_reused`")],
                "What no honest client does.",
            ),
        };
        metrics.begin();
        metrics
    }

    /// A count that is there from the start, at nought, has no first rise that a rate misses.
    fn begin(&self) {
        for counts in [&self.sign_ins, &self.sign_ups, &self.email_verifications, &self.password_resets] {
            for status in STATUSES {
                counts.with_label_values(&[status]);
            }
        }
        self.email_verifications.with_label_values(&[EXPIRED]);
        for code in [Code::InvalidCredentials, Code::AccountDisabled, Code::EmailNotVerified] {
            self.failed_sign_ins.with_label_values(&[&reason(code)]);
        }
        self.suspicious.with_label_values(&[&reason(Code::RefreshTokenReused)]);
    }

    /// Counts a request, if it was one of these acts.
    pub(super) fn answered(&self, answered: &Answered<'_>) {
        if let Some(code @ Code::RefreshTokenReused) = answered.code {
            self.suspicious.with_label_values(&[&reason(code)]).inc();
        }
        let act = ACTS.iter().find(|(path, _)| Some(*path) == answered.endpoint).map(|(_, act)| *act);
        let (Some(act), &Method::POST) = (act, answered.method) else { return };
        let status = status(answered.code);
        match act {
            Act::SignIn => self.signed_in(answered.code, answered.elapsed),
            Act::SignUp => self.sign_ups.with_label_values(&[status]).inc(),
            Act::EmailVerification => {
                let status = if answered.is_expired { EXPIRED } else { status };
                self.email_verifications.with_label_values(&[status]).inc();
            }
            Act::PasswordReset => self.password_resets.with_label_values(&[status]).inc(),
        }
    }

    /// Notes how long it took to tell whether an access token is good.
    pub(crate) fn verified_token(&self, elapsed: Duration) {
        self.token_verification_durations.observe(elapsed.as_secs_f64());
    }

    fn signed_in(&self, failure: Option<Code>, elapsed: Duration) {
        let status = status(failure);
        self.sign_ins.with_label_values(&[status]).inc();
        if let (FAILED, Some(code)) = (status, failure) {
            self.failed_sign_ins.with_label_values(&[&reason(code)]).inc();
        }
        let was_password_checked = matches!(
            failure,
            None | Some(Code::InvalidCredentials | Code::AccountDisabled | Code::EmailNotVerified)
        );
        if was_password_checked {
            self.sign_in_durations.observe(elapsed.as_secs_f64());
        }
    }
}

fn status(failure: Option<Code>) -> &'static str {
    match failure {
        None => SUCCESS,
        Some(Code::RateLimited) => RATE_LIMITED,
        Some(_) => FAILED,
    }
}

/// A code's name as a label has it.
fn reason(code: Code) -> String {
    code.name().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The lines of what was counted, without what is at nought.
    fn counted(requests: &[(&Method, &str, Option<Code>)]) -> Vec<String> {
        let mut book = Book::default();
        let account = AccountMetrics::new(&mut book);
        for (method, endpoint, code) in requests {
            let elapsed = Duration::from_millis(1);
            let endpoint = Some(*endpoint);
            let (status, code, is_expired) = (0, *code, false);
            account.answered(&Answered { method, endpoint, status, code, is_expired, elapsed });
        }
        let text = book.text();
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.ends_with(" 0"));
        lines.filter(|line| !line.contains("_bucket") && !line.contains("_sum")).map(str::to_owned).collect()
    }

    #[test]
    fn sign_ins_are_counted_by_what_came_of_them() {
        let login = "/api/v1/auth/login";
        let post = &Method::POST;
        let lines = counted(&[
            (post, login, None),
            (post, login, Some(Code::InvalidCredentials)),
            (post, login, Some(Code::InvalidCredentials)),
            (post, login, Some(Code::ValidationFailed)),
            (post, login, Some(Code::RateLimited)),
            (&Method::GET, login, Some(Code::MethodNotAllowed)),
        ]);
        assert_eq!(
            lines,
            [
                r#"user_failed_login_attempts_total{reason="invalid_credentials"} 2"#,
                r#"user_failed_login_attempts_total{reason="validation_failed"} 1"#,
                r#"user_login_attempts_total{status="failed"} 3"#,
                r#"user_login_attempts_total{status="rate_limited"} 1"#,
                r#"user_login_attempts_total{status="success"} 1"#,
                "user_login_duration_seconds_count 3",
            ]
        );
    }

    #[test]
    fn registrations_and_verifications_are_counted_by_what_came_of_them() {
        let post = &Method::POST;
        let lines = counted(&[
            (post, "/api/v1/auth/register", None),
            (post, "/api/v1/auth/register/company", None),
            (post, "/api/v1/auth/register/user", None),
            (post, "/api/v1/auth/register", Some(Code::EmailAlreadyExists)),
            (post, "/api/v1/auth/verify-email", Some(Code::CodeInvalid)),
            (post, "/api/v1/auth/verify-email", None),
            (post, "/api/v1/auth/logout", None),
        ]);
        assert_eq!(
            lines,
            [
                r#"user_email_verification_total{status="failed"} 1"#,
                r#"user_email_verification_total{status="success"} 1"#,
                r#"user_signup_total{status="failed"} 1"#,
                r#"user_signup_total{status="success"} 3"#,
            ]
        );
    }

    #[test]
    fn a_refresh_token_that_came_back_is_suspicious() {
        let lines = counted(&[(&Method::POST, "/api/v1/auth/refresh", Some(Code::RefreshTokenReused))]);
        assert_eq!(lines, [r#"user_suspicious_activity_total{activity_type="refresh_token_reused"} 1"#]);
    }

    #[test]
    fn each_act_is_a_route_of_the_api() {
        let document: Value = serde_json::from_str(&crate::openapi_json()).expect("JSON");
        for (path, act) in ACTS {
            assert!(document["paths"][path]["post"].is_object(), "{act:?}: POST {path}");
        }
    }
}
