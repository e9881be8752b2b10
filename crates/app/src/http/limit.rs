//! How often a client may ask. Counted by its address before anything of the request is looked at, its body least of all.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use poem::{
    Request, Response,
    http::{HeaderName, HeaderValue},
};
use portcullis_domain::port::{Quota, RateLimiter, RateVerdict};

use super::address::ClientAddress;
use crate::causes::chain;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// What a limited answer says of the limit, for the API's description.
pub(super) const HEADERS: [(&str, &str); 3] = [
    ("RateLimit-Limit", "How many requests of this kind may be made at once."),
    ("RateLimit-Remaining", "How many more may be made now."),
    ("RateLimit-Reset", "In how many seconds all of them may be made again."),
];

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Which requests count together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    SignIn,
    Registration,
    Ordinary,
}

/// The one table of which routes count as what: the first line that fits. `*` stands for any method, and at the end of a path for
/// whatever follows. What no line fits is no part of the API, and not limited: monitors ask for it, and nothing of it costs much.
const TABLE: [(&str, &str, Option<Class>); 14] = [
    ("POST", "/api/v1/auth/login", Some(Class::SignIn)),
    ("POST", "/api/v1/auth/register", Some(Class::Registration)),
    ("POST", "/api/v1/auth/register/*", Some(Class::Registration)),
    ("GET", "/api/v1/auth/health", None),
    ("GET", "/api/v1/auth/keys", None),
    ("*", "/api/*", Some(Class::Ordinary)),
    ("GET", "/health/*", None),
    ("GET", "/metrics", None),
    ("GET", "/openapi.json", None),
    ("GET", "/openapi.yaml", None),
    ("GET", "/console/*", None),
    ("GET", "/docs", None),
    ("GET", "/redoc", None),
    ("GET", "/.well-known/*", None),
];

/// Limits of rate, by address.
pub(crate) struct Limits {
    /// What counts.
    pub(crate) limiter: Arc<dyn RateLimiter>,
    /// How often somebody may try to sign in, a minute.
    pub(crate) sign_ins: NonZeroU32,
    /// How many accounts somebody may make, an hour.
    pub(crate) registrations: NonZeroU32,
    /// How often somebody may ask for anything else, a minute.
    pub(crate) others: NonZeroU32,
}

/// What the limiter said of a request.
#[derive(Debug)]
pub(super) struct Limited {
    limit: NonZeroU32,
    verdict: RateVerdict,
}

impl Limits {
    /// Counts a request that is limited.
    pub(super) async fn count(&self, request: &Request, client: ClientAddress) -> Option<Limited> {
        let class = class(request.method().as_str(), request.uri().path())?;
        let quota = self.quota(class);
        match self.limiter.take(&key(class, client), quota).await {
            Ok(verdict) => Some(Limited { limit: quota.limit, verdict }),
            // A service that counts nothing is better than one that answers nothing.
            Err(error) => {
                tracing::error!("a request was not counted: {}", chain(&error));
                None
            }
        }
    }

    const fn quota(&self, class: Class) -> Quota {
        match class {
            Class::SignIn => Quota { limit: self.sign_ins, period: MINUTE },
            Class::Registration => Quota { limit: self.registrations, period: HOUR },
            Class::Ordinary => Quota { limit: self.others, period: MINUTE },
        }
    }
}

impl Limited {
    /// How long to wait, for a request that is one too many.
    pub(super) fn refusal(&self) -> Option<Duration> {
        (!self.verdict.is_allowed).then_some(self.verdict.retry_after)
    }

    /// Says in the answer how the client stands.
    pub(super) fn tell(&self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(LIMIT, HeaderValue::from(self.limit.get()));
        headers.insert(REMAINING, HeaderValue::from(self.verdict.remaining));
        headers.insert(RESET, HeaderValue::from(whole_seconds(self.verdict.reset_after)));
    }
}

/// Seconds after which a time is surely over.
pub(super) fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// What a request counts as. Paths are compared as they are sent, as the router does: another spelling is another path.
fn class(method: &str, path: &str) -> Option<Class> {
    let fits = |(of, pattern, _): &&(&str, &str, _)| {
        let is_path =
            pattern.strip_suffix('*').map_or_else(|| path == *pattern, |start| path.starts_with(start));
        is_path && (*of == "*" || *of == method)
    };
    TABLE.iter().find(fits).and_then(|(_, _, class)| *class)
}

/// Whoever asks from one network of the new family counts as one: a household is given 2^64 addresses.
fn key(class: Class, client: ClientAddress) -> String {
    let source = match client.0 {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            format!("{}/64", Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
        None => "nowhere".to_owned(),
    };
    format!("{class:?}:{source}")
}

#[cfg(test)]
mod tests;
