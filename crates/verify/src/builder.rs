use std::{sync::Arc, time::Duration};

use portcullis_domain::token::{TokenNameError, TokenRules};
use portcullis_jwt::Algorithm;
use reqwest::{Client, Url, redirect};
use thiserror::Error;

use crate::{
    Format, Verifier,
    cache::{KeyCache, Pace},
    key_set::Source,
};

const PASERK_PATH: &str = "/api/v1/auth/keys";
const JWKS_PATH: &str = "/.well-known/jwks.json";
/// What the service puts into tokens unless `TOKEN_AUDIENCE` says otherwise.
const AUDIENCE: &str = "portcullis";
/// Longer than replicas are without news of a rotation: who has not heard of a key when first asked has when asked again.
const FLOOR: Duration = Duration::from_secs(3);
/// More than anybody means; whatever is longer is as good as this.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// For how long keys are used that cannot be fetched again.
const OUTAGE: Duration = Duration::from_secs(24 * 60 * 60);

/// How tokens are checked, and with keys from where.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    address: String,
    issuer: Option<String>,
    audience: String,
    formats: Vec<Format>,
    paserk_url: Option<String>,
    jwks_url: Option<String>,
    clock_leeway: Option<Duration>,
    floor: Duration,
    outage: Duration,
    client: Option<Client>,
}

/// No token can be checked like this.
#[derive(Debug, Error)]
pub enum BuildError {
    /// An address is none.
    #[error("{0:?} is not an http or https address")]
    Address(String),
    /// The issuer or the audience would not fit a token.
    #[error(transparent)]
    Name(#[from] TokenNameError),
    /// No format would be taken.
    #[error("no format is accepted")]
    NoFormat,
    /// The client for fetching keys could not be made.
    #[error("no HTTP client could be made")]
    Client(#[source] reqwest::Error),
}

impl Builder {
    pub(crate) fn new(address: String) -> Self {
        Self {
            address,
            issuer: None,
            audience: AUDIENCE.to_owned(),
            formats: vec![Format::Paseto],
            paserk_url: None,
            jwks_url: None,
            clock_leeway: None,
            floor: FLOOR,
            outage: OUTAGE,
            client: None,
        }
    }

    /// The issuer that tokens must state: the service's `TOKEN_ISSUER`. Its address unless told otherwise, as there.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The audience that tokens must state: the service's `TOKEN_AUDIENCE`. `portcullis` unless told otherwise, as there.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// The formats that are taken, PASETO alone unless told otherwise: what the service issues, and for the time of a change of its
    /// `TOKEN_FORMAT` what it will issue, too.
    pub fn formats(mut self, formats: impl IntoIterator<Item = Format>) -> Self {
        self.formats = formats.into_iter().collect();
        self
    }

    /// Where the keys of PASETO are, if not at `/api/v1/auth/keys` of the service's address.
    pub fn paserk_url(mut self, url: impl Into<String>) -> Self {
        self.paserk_url = Some(url.into());
        self
    }

    /// Where the keys of JWT are, if not at `/.well-known/jwks.json` of the service's address.
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.jwks_url = Some(url.into());
        self
    }

    /// By how much the service's clock may be ahead of this one's; five seconds unless told otherwise, as between its replicas. It lengthens no
    /// token's life.
    pub fn clock_leeway(mut self, leeway: Duration) -> Self {
        self.clock_leeway = Some(leeway);
        self
    }

    /// How much time passes at least between two fetches of keys, three seconds unless told otherwise, however many tokens name keys that
    /// are not known: anybody can write such a token. A request with one waits for up to twice as long.
    pub fn fetch_at_most_every(mut self, floor: Duration) -> Self {
        self.floor = floor.min(LONGEST);
        self
    }

    /// For how long keys are used that are old and cannot be fetched again, a day unless told otherwise: a key that was stolen and rotated out is
    /// taken for as long where somebody keeps the news away.
    pub fn bridge_outages_of(mut self, outage: Duration) -> Self {
        self.outage = outage.min(LONGEST);
        self
    }

    /// What fetches keys, where it needs a proxy, say, or a certificate authority of its own. Each request has ten seconds, and an answer from
    /// another address than the one that was asked is refused, whatever the client is set to.
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Makes the verifier. Nothing is fetched yet.
    pub fn build(self) -> Result<Verifier, BuildError> {
        let address = self.address.trim_end_matches('/').to_owned();
        let mut rules = TokenRules::new(self.issuer.unwrap_or_else(|| address.clone()), self.audience)?;
        if let Some(leeway) = self.clock_leeway {
            rules = rules.with_clock_leeway(leeway);
        }
        let client = match self.client {
            Some(client) => client,
            None => client().map_err(BuildError::Client)?,
        };
        let algorithms: Vec<_> = self.formats.iter().filter_map(|format| format.algorithm()).collect();
        let paserk = self.formats.contains(&Format::Paseto);
        let paserk = paserk.then_some((Source::Paserk, self.paserk_url, PASERK_PATH));
        let jwks = !algorithms.is_empty();
        let jwks = jwks.then_some((Source::Jwks(algorithms), self.jwks_url, JWKS_PATH));
        let sources = paserk.into_iter().chain(jwks);
        let caches = sources.map(|(source, url, path)| {
            let url = parse(&url.unwrap_or_else(|| format!("{address}{path}")))?;
            let (rules, client) = (rules.clone(), client.clone());
            Ok(Arc::new(KeyCache::new(
                source,
                url,
                rules,
                client,
                Pace { floor: self.floor, outage: self.outage },
            )))
        });
        let caches = caches.collect::<Result<Vec<_>, BuildError>>()?;
        if caches.is_empty() { Err(BuildError::NoFormat) } else { Ok(Verifier::new(caches)) }
    }
}

impl Format {
    const fn algorithm(self) -> Option<Algorithm> {
        match self {
            Self::Paseto => None,
            Self::JwtEdDsa => Some(Algorithm::EdDsa),
            Self::JwtEs256 => Some(Algorithm::Es256),
        }
    }
}

fn parse(text: &str) -> Result<Url, BuildError> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| BuildError::Address(text.to_owned()))
}

/// Keys come from where they were asked for, and nowhere else.
fn client() -> reqwest::Result<Client> {
    let agent = concat!("portcullis-verify/", env!("CARGO_PKG_VERSION"));
    Client::builder().redirect(redirect::Policy::none()).user_agent(agent).build()
}
