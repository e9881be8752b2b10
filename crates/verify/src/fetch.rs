//! One request for keys.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::{Client, Response, Url};
use thiserror::Error;

/// How long a request may take, whoever made the client.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than thousands of keys take. Whatever answers more is not the service.
const MAX_LENGTH: usize = 1 << 20;
/// For how long keys are kept where the answer does not say.
const KEPT: Duration = Duration::from_secs(300);
/// For how long at most, whatever the answer says.
const KEPT_AT_MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// Why keys were not fetched.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The service does not answer.
    #[error("the service does not answer")]
    Request(#[from] reqwest::Error),
    /// It answers with another status than that of success.
    #[error("the service answers with status {0}")]
    Status(StatusCode),
    /// It sends to another place: keys come from where they were asked for, and nowhere else.
    #[error("the service sends to another place for its keys")]
    Redirected,
    /// It answers without an end.
    #[error("the answer is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// It answers something else than keys.
    #[error("the answer is no set of keys")]
    Malformed(#[from] serde_json::Error),
    /// It publishes no key for the formats in use.
    #[error("there is no key for the formats that are accepted: are they those that the service issues?")]
    NoKey,
    /// Too many requests wait for keys already.
    #[error("too many requests wait for keys")]
    Busy,
    /// The runtime is shutting down.
    #[error("the fetch was broken off")]
    Stopped,
}

/// What came of a request.
pub(crate) enum Fetched {
    /// The keys are those that are known already.
    Same {
        kept: Duration,
    },
    New {
        body: Vec<u8>,
        tag: Option<HeaderValue>,
        kept: Duration,
    },
}

/// Asks for keys. Where they are wanted `anew`, what lies between and keeps answers is passed by, and no tag spares the answer.
pub(crate) async fn fetch(
    client: &Client,
    url: &Url,
    known: Option<&HeaderValue>,
    anew: bool,
) -> Result<Fetched, FetchError> {
    let mut request = client.get(url.clone()).timeout(PATIENCE).header(header::ACCEPT, "application/json");
    if anew {
        request = request.header(header::CACHE_CONTROL, "no-cache");
    } else if let Some(tag) = known {
        request = request.header(header::IF_NONE_MATCH, tag);
    }
    let mut response = request.send().await?;
    if response.url() != url {
        return Err(FetchError::Redirected);
    }
    let kept = kept(response.headers());
    match response.status() {
        StatusCode::NOT_MODIFIED if known.is_some() && !anew => Ok(Fetched::Same { kept }),
        StatusCode::OK => {
            let tag = response.headers().get(header::ETAG).cloned();
            Ok(Fetched::New { body: read(&mut response).await?, tag, kept })
        }
        status => Err(FetchError::Status(status)),
    }
}

async fn read(response: &mut Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_LENGTH {
            return Err(FetchError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// For how long an answer may be kept (RFC 9111 §5.2.2).
fn kept(headers: &HeaderMap) -> Duration {
    let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut kept = None;
    for directive in values.flat_map(|value| value.split(',')).map(|part| part.trim().to_ascii_lowercase()) {
        match directive.split_once('=') {
            None if directive == "no-store" || directive == "no-cache" => return Duration::ZERO,
            Some(("max-age", seconds)) => kept = seconds.trim_matches('"').parse().ok(),
            _ => {}
        }
    }
    let age = headers.get(header::AGE).and_then(|age| age.to_str().ok()?.parse().ok());
    let kept = kept.map_or(KEPT, Duration::from_secs).min(KEPT_AT_MOST);
    kept.saturating_sub(Duration::from_secs(age.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_kept_as_long_as_they_say() {
        let kept = |headers: &[(&str, &str)]| {
            let header = |(name, value): &(&str, &str)| {
                (name.parse().expect("a name"), value.parse().expect("a value"))
            };
            kept(&headers.iter().map(header).collect::<HeaderMap>()).as_secs()
        };
        assert_eq!(kept(&[]), 300);
        assert_eq!(kept(&[("cache-control", "public, max-age=60")]), 60);
        assert_eq!(kept(&[("cache-control", "Public, Max-Age=\"60\""), ("age", "50")]), 10);
        assert_eq!(kept(&[("cache-control", "max-age=60"), ("age", "70")]), 0);
        assert_eq!(kept(&[("cache-control", "no-store, max-age=60")]), 0);
        assert_eq!(kept(&[("cache-control", "max-age=99999999")]), 24 * 60 * 60);
        assert_eq!(kept(&[("cache-control", "max-age=soon")]), 300);
    }
}
