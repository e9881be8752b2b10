use std::{fmt, path::PathBuf};

use lettre::transport::smtp::{SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT, authentication::Credentials};
use percent_encoding::percent_decode_str;
use thiserror::Error;
use url::{Host, Url};

/// A server that mail is handed to, as a URL names it: `smtp://USER:PASSWORD@HOST:PORT`, or `smtps://` for TLS from the first
/// byte. Parameters: `tls=required|opportunistic|none` for `smtp://`, and `cafile=PATH`.
pub(crate) struct ServerAddress {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    /// Certificates in PEM that are trusted instead of this system's.
    pub(crate) authorities: Option<PathBuf>,
    pub(crate) credentials: Option<Credentials>,
}

/// How the way to the server is made safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// TLS from the first byte (RFC 8314).
    Wrapped,
    /// STARTTLS, or nothing is sent.
    Required,
    /// STARTTLS where the server offers it.
    Opportunistic,
    /// None.
    None,
}

/// The URL of a mail server does not read. Never quotes it: it may hold a password.
#[derive(Debug, Error)]
#[error("the mail server's URL is none: {problem}")]
pub struct UrlError {
    problem: String,
}

impl ServerAddress {
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        let refused = |problem: &str| UrlError { problem: problem.to_owned() };
        let url = Url::parse(text).map_err(|error| refused(&error.to_string()))?;
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => return Err(refused("it names no host")),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(refused("it goes on after host and port"));
        }
        let (mut tls, mut authorities) = (None, None);
        for (name, value) in url.query_pairs() {
            match &*name {
                "tls" => tls = Some(value.into_owned()),
                "cafile" => authorities = Some(PathBuf::from(&*value)),
                _ => return Err(refused("it has a parameter other than tls and cafile")),
            }
        }
        let security = match (url.scheme(), tls.as_deref()) {
            ("smtps", None) => Security::Wrapped,
            ("smtps", Some(_)) => return Err(refused("smtps:// is TLS already and takes no tls parameter")),
            // Nobody listens between a machine and itself, and what people run there to try mail out seldom has a certificate.
            ("smtp", None) if is_this_machine(&url) => Security::Opportunistic,
            ("smtp", None | Some("required")) => Security::Required,
            ("smtp", Some("opportunistic")) => Security::Opportunistic,
            ("smtp", Some("none")) => Security::None,
            ("smtp", Some(_)) => return Err(refused("tls is required, opportunistic or none")),
            _ => return Err(refused("it begins with neither smtp:// nor smtps://")),
        };
        let port = url.port().unwrap_or(match security {
            Security::Wrapped => SUBMISSIONS_PORT,
            Security::Required | Security::Opportunistic => SUBMISSION_PORT,
            Security::None => SMTP_PORT,
        });
        let decode = |part: &str| {
            let decoded = percent_decode_str(part).decode_utf8();
            decoded.map(String::from).map_err(|_| refused("user or password is not UTF-8"))
        };
        let credentials = match url.password() {
            Some(password) => Some(Credentials::new(decode(url.username())?, decode(password)?)),
            None if url.username().is_empty() => None,
            None => return Err(refused("it names a user and no password")),
        };
        Ok(Self { host, port, security, authorities, credentials })
    }
}

/// Host and port, which may be shown.
impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            // The host of a scheme that the URL standard does not know is text, whatever it says.
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ServerAddress {
        ServerAddress::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_url_is_read_whole() {
        let address =
            parse("smtps://jane%40example.com:p%2Fss%20w@mail.example.com:4650?cafile=/etc/own%20ca.pem");
        assert_eq!(address.to_string(), "mail.example.com:4650");
        assert_eq!(address.security, Security::Wrapped);
        assert_eq!(address.authorities, Some("/etc/own ca.pem".into()));
        let expected = Credentials::new("jane@example.com".to_owned(), "p/ss w".to_owned());
        assert_eq!(address.credentials, Some(expected));
        assert_eq!(parse("smtp://[::1]:99").to_string(), "[::1]:99");
        assert_eq!(parse("smtp://[::1]:99").host, "::1");
    }

    #[test]
    fn the_way_to_another_machine_is_encrypted_unless_the_url_says_otherwise() {
        for (text, security, port) in [
            ("smtps://mail.example.com", Security::Wrapped, 465),
            ("smtp://mail.example.com", Security::Required, 587),
            ("smtp://mail.example.com/", Security::Required, 587),
            ("smtp://mail.example.com?tls=required", Security::Required, 587),
            ("smtp://mail.example.com?tls=opportunistic", Security::Opportunistic, 587),
            ("smtp://mail.example.com?tls=none", Security::None, 25),
            ("smtp://localhost", Security::Opportunistic, 587),
            ("smtp://127.0.0.1:1025", Security::Opportunistic, 1025),
            ("smtp://[::1]:1025", Security::Opportunistic, 1025),
            ("smtp://127.0.0.1?tls=required", Security::Required, 587),
            ("smtp://10.0.0.1", Security::Required, 587),
        ] {
            let address = parse(text);
            assert_eq!((address.security, address.port), (security, port), "{text}");
        }
    }

    #[test]
    fn a_url_that_is_none_is_refused_without_quoting_it() {
        for text in [
            "",
            "localhost",
            "http://jane:secret@a",
            "smtp:",
            "smtp:///",
            "smtp://jane:secret@a:port",
            "smtp://jane:secret@a?tls=maybe",
            "smtps://jane:secret@a?tls=none",
            "smtp://jane:secret@a?TLS=none",
            "smtp://jane:secret@a/path",
            "smtp://jane:secret@a#x",
            "smtp://jane:%ff@a",
            "smtp://secret@a",
        ] {
            let Err(error) = ServerAddress::parse(text) else { panic!("{text} is taken") };
            let error = error.to_string();
            assert!(error.starts_with("the mail server's URL is none: "), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
