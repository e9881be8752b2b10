//! What a request shows and what it is answered (RFC 6750), whatever the framework.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use portcullis_domain::caller::Permission;
use thiserror::Error;

use crate::{Claims, Verifier, VerifyError};

/// How long a client should wait that came while keys could not be fetched, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Why a request is not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// It shows no token.
    #[error("no token")]
    NoToken,
    /// Its `Authorization` is not one header with one token.
    #[error("the authorization is malformed")]
    Malformed,
    /// The token is none of the service's, or not for here.
    #[error("the token is invalid")]
    Invalid,
    /// The token was good once.
    #[error("the token has expired")]
    Expired,
    /// The token is good, and does not allow it.
    #[error("the permission {} is needed", .required.as_str())]
    Forbidden {
        /// What would be needed.
        required: Permission,
    },
    /// The keys to tell could not be fetched.
    #[error("the keys that tokens are checked with are not to be had")]
    Unavailable,
}

impl Refusal {
    /// The status of the answer.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::NoToken | Self::Invalid | Self::Expired => StatusCode::UNAUTHORIZED,
            Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The header that goes with it: `WWW-Authenticate`, or `Retry-After` where the token is not at fault.
    pub fn header(self) -> (HeaderName, HeaderValue) {
        let challenge = match self {
            // RFC 6750 §3.1: who showed nothing is told nothing.
            Self::NoToken => "Bearer",
            Self::Malformed => r#"Bearer error="invalid_request""#,
            Self::Invalid => r#"Bearer error="invalid_token", error_description="The token is invalid""#,
            Self::Expired => r#"Bearer error="invalid_token", error_description="The token has expired""#,
            Self::Forbidden { required } => return (header::WWW_AUTHENTICATE, insufficient_scope(required)),
            Self::Unavailable => return (header::RETRY_AFTER, RETRY_AFTER),
        };
        (header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }
}

fn insufficient_scope(required: Permission) -> HeaderValue {
    let challenge = format!(r#"Bearer error="insufficient_scope", scope="{}""#, required.as_str());
    HeaderValue::from_str(&challenge).expect("permissions are named in ASCII")
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Invalid => Self::Invalid,
            VerifyError::Expired => Self::Expired,
            VerifyError::KeysUnavailable(_) => Self::Unavailable,
        }
    }
}

impl Verifier {
    /// Checks the token that a request shows in its `Authorization` header, and that it has all these permissions: what the middleware
    /// does, for frameworks that there is none for.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        required: &[Permission],
    ) -> Result<Claims, Refusal> {
        let claims = self.verify(token(headers)?).await?;
        required.iter().try_for_each(|permission| claims.require(*permission))?;
        Ok(claims)
    }
}

fn token(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut shown = headers.get_all(header::AUTHORIZATION).iter();
    let first = shown.next().ok_or(Refusal::NoToken)?;
    if shown.next().is_some() {
        return Err(Refusal::Malformed);
    }
    let text = first.to_str().map_err(|_| Refusal::Malformed)?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::NoToken);
    }
    let token = token.trim_matches(' ');
    if token.is_empty() || token.contains(' ') { Err(Refusal::Malformed) } else { Ok(token) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(headers: &[&'static str]) -> Result<String, Refusal> {
        let headers = headers.iter().map(|value| (header::AUTHORIZATION, HeaderValue::from_static(value)));
        token(&headers.collect()).map(str::to_owned)
    }

    #[test]
    fn the_token_is_what_follows_the_scheme_however_that_is_written() {
        for header in ["Bearer abc", "bearer abc", "BEARER   abc", "Bearer abc "] {
            assert_eq!(shown(&[header]), Ok("abc".to_owned()), "{header:?}");
        }
    }

    #[test]
    fn who_shows_nothing_or_something_else_shows_no_token() {
        for headers in [&[][..], &["Basic YTpi"], &[""], &["abc"]] {
            assert_eq!(shown(headers), Err(Refusal::NoToken), "{headers:?}");
        }
    }

    #[test]
    fn two_tokens_and_none_after_the_scheme_are_malformed() {
        for headers in [&["Bearer a", "Bearer b"][..], &["Bearer"], &["Bearer "], &["Bearer a b"]] {
            assert_eq!(shown(headers), Err(Refusal::Malformed), "{headers:?}");
        }
        let bytes = HeaderValue::from_bytes(b"Bearer \xff").expect("a header");
        assert_eq!(token(&HeaderMap::from_iter([(header::AUTHORIZATION, bytes)])), Err(Refusal::Malformed));
    }

    #[test]
    fn refusals_are_those_of_rfc_6750() {
        let answer = |refusal: Refusal| {
            let (name, value) = refusal.header();
            (refusal.status().as_u16(), name.to_string(), value.to_str().expect("a text").to_owned())
        };
        let challenge = |status, text: &str| (status, "www-authenticate".to_owned(), text.to_owned());
        assert_eq!(answer(Refusal::NoToken), challenge(401, "Bearer"));
        assert_eq!(answer(Refusal::Malformed), challenge(400, r#"Bearer error="invalid_request""#));
        let expired = r#"Bearer error="invalid_token", error_description="The token has expired""#;
        assert_eq!(answer(Refusal::Expired), challenge(401, expired));
        let invalid = r#"Bearer error="invalid_token", error_description="The token is invalid""#;
        assert_eq!(answer(Refusal::Invalid), challenge(401, invalid));
        let forbidden = r#"Bearer error="insufficient_scope", scope="user:read""#;
        assert_eq!(answer(Refusal::Forbidden { required: Permission::UserRead }), challenge(403, forbidden));
        assert_eq!(answer(Refusal::Unavailable), (503, "retry-after".to_owned(), "1".to_owned()));
    }
}
