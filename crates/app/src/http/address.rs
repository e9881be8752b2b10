//! Whose request it is: the peer's address, or the one that trusted proxies name.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use poem::{
    Addr, Request,
    http::{HeaderMap, HeaderName, header},
};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client that a request is from, beside the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClientAddress(pub(super) Option<IpAddr>);

/// The networks of the proxies whose word on addresses is believed.
#[derive(Clone, Debug, Default)]
pub(super) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub(super) const fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client's address, none where a request came by no address at all.
    pub(super) fn client_of(&self, request: &Request) -> ClientAddress {
        let Addr::SocketAddr(peer) = &request.remote_addr().0 else { return ClientAddress(None) };
        ClientAddress(Some(self.client(peer.ip().to_canonical(), request.headers())))
    }

    /// The first address that is no trusted proxy's, from the peer backwards along what each proxy says of the one before it. What
    /// does not read ends the way: the last hop that is known stands for whoever is behind it.
    ///
    /// A proxy that writes one of the two headers may pass on the other as the client sent it. So where they are both there
    /// and lead to different addresses, neither is believed.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let by_x_forwarded_for = self.walk(peer, x_forwarded_for(headers));
        let by_forwarded = self.walk(peer, forwarded(headers));
        match (headers.contains_key(X_FORWARDED_FOR), headers.contains_key(header::FORWARDED)) {
            (true, false) => by_x_forwarded_for,
            (false, true) => by_forwarded,
            (true, true) if by_x_forwarded_for == by_forwarded => by_forwarded,
            _ => peer,
        }
    }

    /// Goes along hops, the nearest first, for as long as they are trusted.
    fn walk(&self, peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
        let mut known = peer;
        for hop in hops {
            let (true, Some(hop)) = (self.trusts(known), hop) else { break };
            known = hop;
        }
        known
    }
}

/// The hops of `X-Forwarded-For`, the nearest first; `None` is one that does not read.
fn x_forwarded_for(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    hops.map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty()).map(|hop| node(str::from_utf8(hop).ok()?))
}

/// The hops of `Forwarded` (RFC 7239), the nearest first; `None` is one that does not read, is unknown or hidden.
fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let lines = headers.get_all(header::FORWARDED).iter().rev();
    let elements = lines.flat_map(|line| split(line.as_bytes(), b',').into_iter().rev());
    let elements = elements.filter(|element| !element.trim_ascii().is_empty());
    elements.map(|element| node(&for_parameter(element)?))
}

/// The parts between separators that stand outside of quotation marks. A mark that nobody closes leaves no way to tell where the last
/// part begins, and it does not read.
fn split(text: &[u8], separator: u8) -> Vec<&[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(|byte| {
        let separates = *byte == separator && !is_quoted;
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ => {}
        }
        separates
    })
    .collect()
}

/// The value of an element's one `for`.
fn for_parameter(element: &[u8]) -> Option<String> {
    let mut found = None;
    for pair in split(element, b';') {
        let pair = str::from_utf8(pair).ok()?.trim_ascii();
        if pair.is_empty() {
            continue;
        }
        let (name, value) = pair.split_once('=')?;
        // A quotation mark in a name would hide where the next proxy's word begins.
        let (true, value) = (is_token(name), unquoted(value)?) else { return None };
        if name.eq_ignore_ascii_case("for") && found.replace(value).is_some() {
            return None;
        }
    }
    found
}

/// Whether it is a word of the header's own (RFC 9110 §5.6.2).
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// A token as it is, or what a quoted string says.
fn unquoted(value: &str) -> Option<String> {
    let Some(rest) = value.strip_prefix('"') else {
        return (!value.contains('"')).then(|| value.to_owned());
    };
    let mut text = String::new();
    let mut rest = rest.chars();
    loop {
        match rest.next()? {
            '"' => return rest.next().is_none().then_some(text),
            '\\' => text.push(rest.next()?),
            other => text.push(other),
        }
    }
}

/// An address as proxies write it, with a port or without: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`,
/// `[2001:db8::1]:80`. Neither `unknown` nor an obfuscated name is one.
fn node(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().map(IpAddr::V6).ok();
    let with_port = || text.parse().map(|address: SocketAddr| address.ip()).ok();
    // A port that is hidden behind an obfuscated name says nothing of the address.
    let with_hidden_port = || {
        let (address, _) = text.rsplit_once(":_").filter(|(_, port)| is_token(port))?;
        format!("{address}:0").parse().map(|address: SocketAddr| address.ip()).ok()
    };
    let address = text.parse().ok().or_else(bracketed).or_else(with_port).or_else(with_hidden_port);
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests;
