use lapin::{types::MAX_SHORT_STRING_LENGTH, uri::AMQPUri};
use url::{Host, Url};

use crate::error::ConnectError;

/// How often, in seconds, the two sides show that they are there; a connection over which nothing comes for twice as long is lost.
const HEARTBEAT: u16 = 10;

/// Reads a broker's URL: `amqp://USER:PASSWORD@HOST:PORT/VHOST`, or `amqps://` for TLS.
pub(crate) fn parse(text: &str) -> Result<AMQPUri, ConnectError> {
    let refused = |problem: &str| ConnectError::Url { problem: problem.to_owned() };
    let url = Url::parse(text).map_err(|error| refused(&error.to_string()))?;
    if !["amqp", "amqps"].contains(&url.scheme()) {
        return Err(refused("it begins with neither amqp:// nor amqps://"));
    }
    // What fills a gap elsewhere would hide a mistake here.
    let host = match url.host() {
        None => return Err(refused("it names no host")),
        Some(Host::Ipv6(address)) => Some(address.to_string()),
        Some(_) => None,
    };
    let mut uri: AMQPUri = text.parse().map_err(|problem: String| refused(&problem))?;
    if uri.vhost.len() > MAX_SHORT_STRING_LENGTH {
        return Err(refused("its virtual host has more than 255 bytes"));
    }
    // lapin takes an IPv6 address for no host at all, and goes to `localhost`.
    if let Some(host) = host {
        uri.authority.host = host;
    }
    uri.query.heartbeat.get_or_insert(HEARTBEAT);
    Ok(uri)
}

/// Host and port, which may be shown.
pub(crate) fn address(uri: &AMQPUri) -> String {
    let (host, port) = (&uri.authority.host, uri.authority.port);
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_whole() {
        let uri = parse("amqp://jane:p%40ss@mq.example.com:5673/a%2Fb").expect("a URL");
        assert_eq!(address(&uri), "mq.example.com:5673");
        assert_eq!((uri.vhost.as_str(), uri.authority.userinfo.password.as_str()), ("a/b", "p@ss"));
        assert_eq!(uri.query.heartbeat, Some(10));
        assert_eq!(address(&parse("amqps://mq.example.com").expect("a URL")), "mq.example.com:5671");
        assert_eq!(address(&parse("amqp://[::1]:99").expect("a URL")), "[::1]:99");
        assert_eq!(parse("amqp://a?heartbeat=3").expect("a URL").query.heartbeat, Some(3));
        assert_eq!(parse("amqp://a").expect("a URL").vhost, "/");
    }

    #[test]
    fn a_url_that_is_none_is_refused_without_quoting_it() {
        for text in
            ["", "localhost", "http://jane:secret@a", "amqp:", "amqp:///", "amqp://jane:secret@a:port"]
        {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.starts_with("the broker's URL is none"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
