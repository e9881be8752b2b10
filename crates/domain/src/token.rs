//! What an authentic token must state, whatever its format.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use crate::port::TokenError;

/// Keeps tokens short, and headers that carry them short enough for any proxy.
pub const MAX_NAME_LENGTH: usize = 256;
/// By how much the clock of the replica that issued a token may be ahead of this one's, unless that is set otherwise.
const CLOCK_LEEWAY: TimeDelta = TimeDelta::seconds(5);

/// Which tokens are taken, beyond those that a key has signed.
#[derive(Clone, Debug)]
pub struct TokenRules {
    issuer: String,
    audience: String,
    clock_leeway: TimeDelta,
}

/// A name would not fit a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenNameError {
    /// The issuer would not.
    #[error("the token issuer must be 1 to {MAX_NAME_LENGTH} bytes without control characters")]
    Issuer,
    /// The audience would not.
    #[error("the token audience must be 1 to {MAX_NAME_LENGTH} bytes without control characters")]
    Audience,
}

/// What a token says of who issued it, for whom, and when it is good.
#[derive(Clone, Copy, Debug)]
pub struct Stated<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `aud`.
    pub audience: &'a str,
    /// `iat`.
    pub issued_at: DateTime<Utc>,
    /// `nbf`.
    pub not_before: DateTime<Utc>,
    /// `exp`.
    pub expires_at: DateTime<Utc>,
}

impl TokenRules {
    /// Takes the names that every token must state.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Result<Self, TokenNameError> {
        let (issuer, audience) = (issuer.into(), audience.into());
        if !is_name(&issuer) {
            return Err(TokenNameError::Issuer);
        }
        if !is_name(&audience) {
            return Err(TokenNameError::Audience);
        }
        Ok(Self { issuer, audience, clock_leeway: CLOCK_LEEWAY })
    }

    /// Sets by how much the issuing replica's clock may be ahead of this one's: a token from further in the future is invalid. Five seconds
    /// otherwise, so that a token can be used at once on a replica whose clock is a little behind. It lengthens no token's life.
    #[must_use]
    pub fn with_clock_leeway(mut self, leeway: Duration) -> Self {
        self.clock_leeway = TimeDelta::from_std(leeway).unwrap_or(TimeDelta::MAX);
        self
    }

    /// Who issues tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whom tokens are for.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Checks what an authentic token says of itself, and until when its key is good. `Expired` comes late: only a token that was good
    /// once is called that.
    pub fn check(
        &self,
        stated: Stated<'_>,
        until: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(), TokenError> {
        if stated.issuer != self.issuer || stated.audience != self.audience {
            return Err(TokenError::Invalid);
        }
        let latest = now.checked_add_signed(self.clock_leeway).unwrap_or(DateTime::<Utc>::MAX_UTC);
        if stated.issued_at > latest || stated.not_before > latest {
            return Err(TokenError::Invalid);
        }
        if now >= stated.expires_at {
            return Err(TokenError::Expired);
        }
        // What a retired key signed has expired by then. What has not, says so with a key that was stolen.
        if until.is_some_and(|until| now >= until) { Err(TokenError::Invalid) } else { Ok(()) }
    }
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_LENGTH).contains(&text.len()) && !text.chars().any(char::is_control)
}
