//! The forms that values take: each says in words what it accepts and reads a text into its type.

use std::{
    fmt,
    net::IpAddr,
    num::{NonZeroU32, NonZeroU64},
    ops::RangeInclusive,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD};
use ipnet::{IpNet, Ipv4Net};
use portcullis_domain::{identity::SessionLimit, seal::MasterKey, value::Email};
use tracing_subscriber::filter::Targets;
use url::{Host, Url};

/// How much of a refused value an error quotes.
const QUOTED: usize = 60;
const LONGEST_TEXT: usize = 200;
/// More often than this is no limit.
const MOST: NonZeroU32 = NonZeroU32::MAX;
const MOST_EVENTS: NonZeroU64 = NonZeroU64::new(1_000_000).expect("more than none");

/// What a setting accepts.
pub(super) struct Form<T> {
    /// In words that go after "is not".
    pub(super) accepts: String,
    read: Read<T>,
}

/// Reads a trimmed text that is not empty.
type Read<T> = Box<dyn Fn(&str) -> Result<T, Refusal>>;

/// Why a text was not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It does not have the form; the error quotes it.
    Form,
    /// As it says; for values that an error must not quote, and for reasons that need more words.
    Because(String),
    /// As it says, with what to do about it.
    Remedied(&'static str, &'static str),
}

/// Where the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreAddress {
    /// In this file.
    Sqlite(PathBuf),
    /// On this PostgreSQL server.
    Postgres(ServerUrl),
}

/// The address of a server, which may hold a password: shown with that masked.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(Url);

impl ServerUrl {
    /// The address with everything in it. Every call is a place to look at in a review.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the way to the server is encrypted, or leaves this machine at all.
    pub(super) fn is_private(&self) -> bool {
        let parameter =
            |wanted| self.0.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value);
        let is_encrypted = match self.0.scheme() {
            "rediss" | "amqps" | "smtps" => true,
            "smtp" => matches!(parameter("tls").as_deref(), None | Some("required")),
            _ => matches!(parameter("sslmode").as_deref(), Some("require" | "verify-ca" | "verify-full")),
        };
        is_encrypted
            || match self.0.host() {
                Some(Host::Ipv4(address)) => address.is_loopback(),
                Some(Host::Ipv6(address)) => address.is_loopback(),
                // Of a scheme that is none of the web's, an IPv4 address is read as a name.
                Some(Host::Domain(name)) => {
                    name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
                }
                None => true,
            }
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        if shown.password().is_some() {
            // Only an address that cannot hold a password refuses one.
            let _ = shown.set_password(Some("***"));
        }
        shown.fmt(f)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({self})")
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// What the service is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// On somebody's own machine.
    Development,
    /// To try out what goes to production.
    Staging,
    /// For real: refuses what is only convenient.
    Production,
}

/// The format of access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFormat {
    /// PASETO v4.public.
    Paseto,
    /// JWT of RFC 9068.
    Jwt,
}

/// What JWTs are signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256.
    Es256,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person at a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

impl<T> Form<T> {
    fn new(accepts: impl Into<String>, read: impl Fn(&str) -> Result<T, Refusal> + 'static) -> Self {
        Self { accepts: accepts.into(), read: Box::new(read) }
    }

    pub(super) fn read(&self, text: &str) -> Result<T, Refusal> {
        (self.read)(text)
    }
}

impl Refusal {
    /// What is wrong with the text, in words.
    pub(super) fn problem(&self, text: &str, accepts: &str) -> String {
        match self {
            Self::Form => format!("{} is not {accepts}", quoted(text)),
            Self::Because(problem) => problem.clone(),
            Self::Remedied(problem, _) => (*problem).to_owned(),
        }
    }
}

/// A text in quotation marks, control characters escaped, cut where it gets long.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// One line of text.
pub(super) fn text() -> Form<String> {
    Form::new(format!("one line of at most {LONGEST_TEXT} characters"), |text| {
        let fits = text.chars().count() <= LONGEST_TEXT && !text.chars().any(char::is_control);
        if fits { Ok(text.to_owned()) } else { Err(Refusal::Form) }
    })
}

/// `true` or `false`.
pub(super) fn switch() -> Form<bool> {
    one_of([("true", true), ("false", false)])
}

/// What the service is run for.
pub(super) fn environment() -> Form<Environment> {
    one_of([
        ("development", Environment::Development),
        ("staging", Environment::Staging),
        ("production", Environment::Production),
    ])
}

/// How log lines look.
pub(super) fn log_format() -> Form<LogFormat> {
    one_of([("human", LogFormat::Human), ("json", LogFormat::Json)])
}

/// The format of access tokens.
pub(super) fn token_format() -> Form<TokenFormat> {
    one_of([("paseto", TokenFormat::Paseto), ("jwt", TokenFormat::Jwt)])
}

/// What JWTs are signed with.
pub(super) fn jwt_algorithm() -> Form<JwtAlgorithm> {
    one_of([("EdDSA", JwtAlgorithm::EdDsa), ("ES256", JwtAlgorithm::Es256)])
}

/// What happens to a sign-in beyond the allowed sessions.
pub(super) fn session_limit() -> Form<SessionLimit> {
    one_of([("evict_oldest", SessionLimit::EvictOldest), ("reject", SessionLimit::Reject)])
}

fn one_of<T: Copy + 'static, const N: usize>(choices: [(&'static str, T); N]) -> Form<T> {
    let names = choices.map(|(name, _)| format!("`{name}`"));
    let (last, first) = names.split_last().expect("a choice has choices");
    Form::new(format!("{} or {last}", first.join(", ")), move |text| {
        let chosen = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        chosen.map(|(_, value)| *value).ok_or(Refusal::Form)
    })
}

/// A whole number within bounds.
pub(super) fn number<N>(bounds: RangeInclusive<N>) -> Form<N>
where
    N: FromStr + PartialOrd + fmt::Display + 'static,
{
    let accepts = format!("a whole number from {} to {}", bounds.start(), bounds.end());
    Form::new(accepts, move |text| {
        text.parse().ok().filter(|number| bounds.contains(number)).ok_or(Refusal::Form)
    })
}

/// How many events something is done after.
pub(super) fn events() -> Form<NonZeroU64> {
    number(NonZeroU64::MIN..=MOST_EVENTS)
}

/// So many months, or all that there are.
pub(super) fn months() -> Form<Option<u32>> {
    const MOST_MONTHS: u32 = 1_200;
    let accepts = format!("forever, or a whole number of months from 1 to {MOST_MONTHS}");
    Form::new(accepts, |text| {
        if text.eq_ignore_ascii_case("forever") {
            return Ok(None);
        }
        let months = text.parse().ok().filter(|months| (1..=MOST_MONTHS).contains(months));
        months.map(Some).ok_or(Refusal::Form)
    })
}

/// How often something may be done.
pub(super) fn limit() -> Form<NonZeroU32> {
    number(NonZeroU32::MIN..=MOST)
}

/// Networks, with commas between them.
pub(super) fn networks() -> Form<Vec<IpNet>> {
    let accepts = "a list of networks and addresses such as `10.0.0.0/8, 2001:db8::1`";
    Form::new(accepts, |text| text.split(',').map(|part| network(part.trim())).collect())
}

/// A network, or an address as a network of its own. What names an address within a network is refused: whoever wrote it meant fewer
/// addresses or other ones.
fn network(text: &str) -> Result<IpNet, Refusal> {
    let network: Option<IpNet> = text.parse().ok().or_else(|| text.parse().map(IpAddr::into).ok());
    let network = network.filter(|network| network.trunc() == *network).ok_or(Refusal::Form)?;
    // Peers are compared in the clothes of their own family.
    let IpNet::V6(mapped) = network else { return Ok(network) };
    Ok(match (mapped.network().to_ipv4_mapped(), mapped.prefix_len().checked_sub(96)) {
        (Some(address), Some(length)) => Ipv4Net::new(address, length).map_err(|_| Refusal::Form)?.into(),
        _ => network,
    })
}

/// A span of time in whole units of so many seconds.
pub(super) fn span(unit: u64, bounds: RangeInclusive<u64>) -> Form<Duration> {
    let count = number(bounds);
    let accepts = count.accepts.clone();
    Form::new(accepts, move |text| count.read(text).map(|count| Duration::from_secs(count * unit)))
}

/// An address or name to listen on.
pub(super) fn host() -> Form<Host> {
    Form::new("an IP address or a host name", |text| {
        let address = match text.parse() {
            Ok(IpAddr::V4(address)) => return Ok(Host::Ipv4(address)),
            Ok(IpAddr::V6(address)) => return Ok(Host::Ipv6(address)),
            Err(_) => Host::parse(text),
        };
        // URLs know more ways to write an IPv4 address than people do: a port put here by mistake would be one.
        address.ok().filter(|host| !matches!(host, Host::Ipv4(_))).ok_or(Refusal::Form)
    })
}

/// The address that clients use. An error never quotes it: it may hold a password by mistake.
pub(super) fn public_url() -> Form<Url> {
    Form::new("an `http` or `https` URL", |text| {
        let refuse = |problem: &str| Refusal::Because(problem.to_owned());
        let url = Url::parse(text).map_err(|error| Refusal::Because(format!("not a URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("neither an `http` nor an `https` URL"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("holds a user name or password, which everybody would see"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("ends in a query or fragment, so no path can be added to it"));
        }
        Ok(url)
    })
}

/// The store. An error never quotes it: other stores' addresses hold passwords.
pub(super) fn database() -> Form<StoreAddress> {
    const USE: &str = "use `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`";
    Form::new("`sqlite:PATH` or `postgres://…`", |text| {
        let refuse = |problem| Err(Refusal::Remedied(problem, USE));
        let path = match text.split_once(':') {
            Some(("sqlite", path)) => path.strip_prefix("//").unwrap_or(path),
            Some(("postgres" | "postgresql", _)) => {
                return server_url(text, &["postgres", "postgresql"]).map(StoreAddress::Postgres);
            }
            _ => return refuse("not an address of a SQLite file or a PostgreSQL server"),
        };
        if path.starts_with(':') {
            return refuse("a store in memory would lose everything at the end");
        }
        if path.contains(['?', '\0']) {
            return refuse("takes no parameters after the path");
        }
        // Empty: the configuration knows the data folder.
        Ok(StoreAddress::Sqlite(path.into()))
    })
}

/// The address of a server that is reached by one of these schemes.
pub(super) fn server(schemes: &'static [&'static str]) -> Form<ServerUrl> {
    let accepts = schemes.iter().map(|scheme| format!("`{scheme}://…`")).collect::<Vec<_>>().join(" or ");
    Form::new(accepts, move |text| server_url(text, schemes))
}

/// Never quotes the text: it may hold a password.
fn server_url(text: &str, schemes: &[&str]) -> Result<ServerUrl, Refusal> {
    let because = |problem: &str| Refusal::Because(problem.to_owned());
    let url = Url::parse(text).map_err(|error| Refusal::Because(format!("not a URL: {error}")))?;
    if !schemes.contains(&url.scheme()) {
        return Err(because("the address of another kind of server"));
    }
    if !url.has_host() {
        return Err(because("names no host"));
    }
    Ok(ServerUrl(url))
}

/// A folder.
pub(super) fn folder() -> Form<PathBuf> {
    Form::new("a folder's path", |text| {
        if text.contains('\0') { Err(Refusal::Form) } else { Ok(PathBuf::from(text)) }
    })
}

pub(super) fn file() -> Form<PathBuf> {
    Form::new("a file's path", |text| {
        if text.is_empty() || text.contains('\0') { Err(Refusal::Form) } else { Ok(PathBuf::from(text)) }
    })
}

/// The master key, in any of the usual ways to write base64.
pub(super) fn master_key() -> Form<MasterKey> {
    Form::new("32 bytes in base64", |text| {
        let bytes = [BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD]
            .iter()
            .find_map(|encoding| encoding.decode(text.as_bytes()).ok());
        let problem = match &bytes {
            None => "not base64".to_owned(),
            Some(bytes) => match <[u8; 32]>::try_from(bytes.as_slice()) {
                Ok(key) => return Ok(MasterKey::new(key)),
                Err(_) => format!("{} bytes long, not 32", bytes.len()),
            },
        };
        Err(Refusal::Because(problem))
    })
}

/// A sender's address. Unlike a person's it may be of a host without a dot, such as `localhost`.
pub(super) fn sender() -> Form<Email> {
    Form::new("an e-mail address", |text| {
        let with_domain = match text.rsplit_once('@') {
            Some((_, domain)) if !domain.contains('.') => format!("{text}.invalid"),
            _ => text.to_owned(),
        };
        Email::parse(&with_domain).map(|_| Email::new(text)).map_err(|_| Refusal::Form)
    })
}

/// Which log lines are written: a level, or levels by module.
pub(super) fn log_level() -> Form<Targets> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |text: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(text.trim()));
    Form::new(
        "`off`, `error`, `warn`, `info`, `debug` or `trace`, or a list such as `info,poem=warn`",
        move |text| {
            // Left to itself the parser takes a misspelt level for a module's name, and its level for `trace`.
            let is_whole =
                text.split(',').all(|part| is_level(part.rsplit_once('=').map_or(part, |(_, level)| level)));
            let targets = text.split(',').map(str::trim).collect::<Vec<_>>().join(",").parse::<Targets>();
            targets.ok().filter(|_| is_whole).ok_or(Refusal::Form)
        },
    )
}
