use std::time::{Duration, Instant};

use poem::http::HeaderValue;

use super::*;

const CLIENT: &str = "203.0.113.9";
const PROXY: &str = "10.0.0.1";

/// Whoever proxies of `10.0.0.0/8` and `fd00::/8` name.
fn client(peer: &str, headers: &[(HeaderName, &str)]) -> String {
    let lines =
        headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).expect("a value")));
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(name, value);
    }
    let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect("a network"));
    let peer: IpAddr = peer.parse().expect("an address");
    TrustedProxies::new(networks.to_vec()).client(peer, &map).to_string()
}

fn by_x_forwarded_for(value: &str) -> String {
    client(PROXY, &[(X_FORWARDED_FOR, value)])
}

fn by_forwarded(value: &str) -> String {
    client(PROXY, &[(header::FORWARDED, value)])
}

#[test]
fn without_a_header_it_is_the_peer() {
    assert_eq!(client(CLIENT, &[]), CLIENT);
    assert_eq!(client(PROXY, &[]), PROXY);
}

#[test]
fn a_stranger_is_not_believed() {
    for (name, value) in [(X_FORWARDED_FOR, "192.0.2.1"), (header::FORWARDED, "for=192.0.2.1")] {
        assert_eq!(client(CLIENT, &[(name, value)]), CLIENT);
    }
    assert_eq!(client("2001:db8::7", &[(X_FORWARDED_FOR, "fd00::1, 192.0.2.1")]), "2001:db8::7");
}

#[test]
fn a_trusted_proxy_is_believed_and_what_the_client_claimed_before_it_is_not() {
    assert_eq!(by_x_forwarded_for(CLIENT), CLIENT);
    assert_eq!(by_x_forwarded_for(&format!("192.0.2.1, 10.9.9.9, {CLIENT}")), CLIENT);
    assert_eq!(by_forwarded(&format!("for={CLIENT}")), CLIENT);
    assert_eq!(by_forwarded(&format!("for=192.0.2.1;proto=https, for={CLIENT};by=10.0.0.1;host=x")), CLIENT);
}

#[test]
fn a_chain_of_trusted_proxies_is_walked_to_its_first_stranger() {
    assert_eq!(by_x_forwarded_for(&format!("192.0.2.1, {CLIENT}, 10.0.0.3 ,\t10.0.0.2")), CLIENT);
    assert_eq!(
        by_forwarded(&format!("for=192.0.2.1, for={CLIENT}, for=\"[fd00::3]:80\", FOR=10.0.0.2")),
        CLIENT
    );
}

#[test]
fn a_chain_without_a_stranger_leads_to_its_beginning() {
    assert_eq!(by_x_forwarded_for("10.0.0.3, 10.0.0.2"), "10.0.0.3");
    assert_eq!(by_forwarded("for=10.0.0.3, for=10.0.0.2"), "10.0.0.3");
}

#[test]
fn lines_of_one_header_are_one_list() {
    let lines = [(X_FORWARDED_FOR, "192.0.2.1"), (X_FORWARDED_FOR, CLIENT), (X_FORWARDED_FOR, "10.0.0.2")];
    assert_eq!(client(PROXY, &lines), CLIENT);
    let lines = [(header::FORWARDED, "for=192.0.2.1, for=\"open"), (header::FORWARDED, "for=203.0.113.9")];
    assert_eq!(client(PROXY, &lines), CLIENT);
}

#[test]
fn what_does_not_read_stands_for_the_hop_that_said_it() {
    for garbage in [
        "unknown",
        "UNKNOWN",
        "_hidden",
        "_SEVKISEK",
        "localhost",
        "256.1.1.1",
        "1.2.3",
        "01.2.3.4",
        "1.2.3.4.5",
        "0x7f000001",
        "2130706433",
        "192.0.2.1:",
        "192.0.2.1:x",
        "192.0.2.1:65536",
        "192.0.2.1:-1",
        "192.0.2.1/32",
        "192.0.2.1;192.0.2.2",
        "[192.0.2.1]",
        "[192.0.2.1]:80",
        "[2001:db8::1",
        "2001:db8::1]",
        "[2001:db8::1]80",
        "[2001:db8::1]:",
        "[]",
        "[]:80",
        ":80",
        "[[2001:db8::1]]",
        "fe80::1%eth0",
        "[fe80::1%25eth0]:80",
        "2001:db8::1::2",
        "192.0.2.1 192.0.2.2",
        "\"192.0.2.1\"",
        "for=192.0.2.1",
        "\u{e9}",
        "192.0.2.1:_",
        "192.0.2.1:_a b",
        "2001:db8::1:_port",
        "'; DROP TABLE users; --",
    ] {
        assert_eq!(by_x_forwarded_for(garbage), PROXY, "{garbage}");
        assert_eq!(by_x_forwarded_for(&format!("192.0.2.1, {garbage}, 10.0.0.2")), "10.0.0.2", "{garbage}");
    }
    for garbage in [
        "unknown",
        "for=unknown",
        "for=\"unknown\"",
        "for=_hidden",
        "for=\"_SEVKISEK\"",
        "for=",
        "for=\"\"",
        "for",
        "=192.0.2.1",
        "192.0.2.1",
        "by=192.0.2.1",
        "proto=https",
        "for=192.0.2.1;for=192.0.2.2",
        "for=192.0.2.1;FOR=192.0.2.1",
        "for==192.0.2.1",
        "for =192.0.2.1",
        "for= 192.0.2.1",
        "for=192.0.2.1 by=x",
        "for=192.0.2.1;by",
        "for=\"192.0.2.1",
        "for=192.0.2.1\"",
        "for=\"192.0.2.1\"x",
        "for=\"192.0.2.1\\\"",
        "for=x\"192.0.2.1\"",
        "for=\"[192.0.2.1]\"",
        "for=\"[2001:db8::1\"",
        "for='192.0.2.1'",
    ] {
        assert_eq!(by_forwarded(garbage), PROXY, "{garbage}");
        if garbage.matches('"').count() % 2 == 0 && !garbage.contains('\\') {
            assert_eq!(
                by_forwarded(&format!("for=192.0.2.1, {garbage}, for=10.0.0.2")),
                "10.0.0.2",
                "{garbage}"
            );
        }
    }
}

#[test]
fn a_quotation_mark_that_a_client_leaves_open_swallows_its_own_claim_and_not_the_proxys_word() {
    for claim in [
        "for=192.0.2.1, for=\"",
        "for=192.0.2.1;x=\"",
        "for=192.0.2.1, x=\"\\",
        "for=\"192.0.2.1\", \"",
        "for=192.0.2.1;x\"",
        "for=192.0.2.1;x=y\"",
    ] {
        for word in ["for=203.0.113.9", "for=\"203.0.113.9:80\"", "for=\"[2001:db8::1]:80\";by=\"[fd00::1]\""]
        {
            let is = by_forwarded(&format!("{claim}, {word}"));
            assert_ne!(is, "192.0.2.1", "{claim}, {word}");
        }
    }
}

#[test]
fn ports_brackets_and_escapes_are_understood() {
    for (said, meant) in [
        ("192.0.2.1:80", "192.0.2.1"),
        ("192.0.2.1:0", "192.0.2.1"),
        ("192.0.2.1:_port-1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:80", "2001:db8::1"),
        ("[2001:db8::1]:_port", "2001:db8::1"),
    ] {
        assert_eq!(by_x_forwarded_for(said), meant);
        assert_eq!(by_forwarded(&format!("for=\"{said}\"")), meant);
        assert_eq!(by_forwarded(&format!("proto=http;for={said}")), meant);
    }
    assert_eq!(by_forwarded("for=\"192.0.\\2.1\""), "192.0.2.1");
    assert_eq!(by_forwarded("for=192.0.2.1;ext=\"a, b; for=x\";;"), "192.0.2.1");
}

#[test]
fn empty_elements_of_a_list_count_for_nothing() {
    assert_eq!(by_x_forwarded_for(&format!(", {CLIENT},, ,")), CLIENT);
    assert_eq!(by_forwarded(&format!(", for={CLIENT},, ,")), CLIENT);
    assert_eq!(by_x_forwarded_for(""), PROXY);
    assert_eq!(by_forwarded(" , "), PROXY);
}

#[test]
fn an_address_of_the_old_family_is_the_same_in_the_new_ones_clothes() {
    assert_eq!(by_x_forwarded_for("::ffff:203.0.113.9"), CLIENT);
    assert_eq!(by_forwarded("for=\"[::ffff:203.0.113.9]:80\""), CLIENT);
    assert_eq!(by_x_forwarded_for("203.0.113.9, ::ffff:10.0.0.2"), CLIENT, "a proxy is one in either");
}

#[test]
fn headers_that_disagree_are_not_believed_and_those_that_agree_are() {
    let both =
        |x: &str, forwarded: &str| client(PROXY, &[(X_FORWARDED_FOR, x), (header::FORWARDED, forwarded)]);
    assert_eq!(both(CLIENT, "for=203.0.113.9"), CLIENT);
    assert_eq!(both(CLIENT, "for=192.0.2.1"), PROXY);
    assert_eq!(both("192.0.2.1", "for=203.0.113.9"), PROXY);
    assert_eq!(both(CLIENT, "for=_hidden"), PROXY);
    assert_eq!(both(CLIENT, ""), PROXY);
}

#[test]
fn bytes_that_are_no_text_stand_for_the_hop_that_said_them() {
    let mut headers = HeaderMap::new();
    headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(b"192.0.2.1, \xff\xfe").expect("a value"));
    headers.append(X_FORWARDED_FOR, HeaderValue::from_static("10.0.0.2"));
    let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().expect("a network")]);
    let peer: IpAddr = PROXY.parse().expect("an address");
    assert_eq!(proxies.client(peer, &headers).to_string(), "10.0.0.2");
}

#[test]
fn a_chain_of_any_length_is_walked_quickly() {
    let started = Instant::now();
    let chain = vec!["10.0.0.2"; 100_000].join(",");
    assert_eq!(by_x_forwarded_for(&format!("{CLIENT},{chain}")), CLIENT);
    let chain = vec!["for=\"10.0.0.2\""; 100_000].join(",");
    assert_eq!(by_forwarded(&format!("for={CLIENT},{chain}")), CLIENT);
    assert_eq!(by_forwarded(&format!("for={CLIENT},{}", "\"\\".repeat(500_000))), PROXY);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
