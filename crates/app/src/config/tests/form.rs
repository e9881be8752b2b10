use super::*;

#[test]
fn numbers_out_of_their_bounds_are_refused() {
    assert_eq!(
        refused([("PORT", "65536")]),
        "PORT (environment): \"65536\" is not a whole number from 0 to 65535; \
         correct it, or leave it out for the default, `8000`"
    );
    for (name, values) in [
        ("PORT", ["-1", "eighty", "80 80"]),
        ("SCRYPT_LOG_N", ["9", "21", "99999999999999999999"]),
        ("SCRYPT_R", ["0", "33", "8.0"]),
        ("SCRYPT_P", ["0", "17", ""]),
        ("HASH_QUEUE", ["0", "10001", "∞"]),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", ["0", "1441", "1e2"]),
        ("REFRESH_TOKEN_EXPIRE_DAYS", ["0", "366", "７"]),
        ("REFRESH_REUSE_LEEWAY_SECONDS", ["-1", "301", "10s"]),
        ("REQUEST_TIMEOUT_SECONDS", ["0", "301", "NaN"]),
        ("MAX_LOGIN_ATTEMPTS", ["0", "10001", "five"]),
        ("ACCOUNT_LOCKOUT_DURATION_MINUTES", ["0", "1441", "15m"]),
        ("LOGIN_HISTORY_RETENTION_DAYS", ["0", "3651", "forever"]),
        ("RATE_LIMIT_PER_MINUTE", ["0", "-1", "4294967296"]),
        ("RATE_LIMIT_LOGIN_PER_MINUTE", ["0", "5.0", "none"]),
        ("RATE_LIMIT_REGISTER_PER_HOUR", ["0", "3/h", "∞"]),
        ("SHUTDOWN_GRACE_SECONDS", ["-1", "601", "0x1"]),
    ] {
        for value in values.into_iter().filter(|value| !value.is_empty()) {
            let error = refused([(name, value)]);
            let start = format!("{name} (environment): {value:?} is not a whole number from ");
            assert!(error.starts_with(&start), "{error}");
        }
    }
}

#[test]
fn a_password_hash_that_takes_too_much_memory_is_refused() {
    assert_eq!(
        refused([("SCRYPT_LOG_N", "20"), ("SCRYPT_R", "32")]),
        "SCRYPT_LOG_N (environment): with SCRYPT_R one password hash would take 4096 MiB; \
         lower one of them, to at most 1024 MiB"
    );
    assert!(load([("SCRYPT_LOG_N", "20"), ("SCRYPT_R", "8")]).is_ok());
}

#[test]
fn choices_and_switches_take_their_words_in_any_case() {
    let config = loaded([("ENVIRONMENT", "Staging"), ("LOG_FORMAT", "JSON"), ("ALLOW_INSECURE", "TRUE")]);
    assert_eq!(config.environment, Environment::Staging);
    assert_eq!(config.log_format_on(true), LogFormat::Json);
    assert!(config.allow_insecure);
    assert_eq!(
        refused([("ENVIRONMENT", "prod")]),
        "ENVIRONMENT (environment): \"prod\" is not `development`, `staging` or `production`; \
         correct it, or leave it out for the default, `development`"
    );
    assert!(refused([("ALLOW_INSECURE", "yes")]).contains("\"yes\" is not `true` or `false`"));
}

#[test]
fn logs_are_for_people_on_a_terminal_and_for_machines_elsewhere() {
    assert_eq!(loaded([]).log_format_on(true), LogFormat::Human);
    assert_eq!(loaded([]).log_format_on(false), LogFormat::Json);
}

#[test]
fn a_host_is_an_address_or_a_name() {
    for (host, listen, url) in [
        ("0.0.0.0", "0.0.0.0", "http://127.0.0.1:1/"),
        ("::", "::", "http://[::1]:1/"),
        ("[::1]", "::1", "http://[::1]:1/"),
        ("localhost", "localhost", "http://localhost:1/"),
    ] {
        let config = loaded([("HOST", host)]);
        assert_eq!(config.listen_on().0, listen);
        assert_eq!(config.base_url(1).as_str(), url);
    }
    for host in ["a b", "127.0.0.1:80", "http://localhost", "a/b", "256.0.0.1", ":::", "8080", "127.1"] {
        assert!(refused([("HOST", host)]).contains("is not an IP address or a host name"), "{host}");
    }
}

#[test]
fn a_public_url_is_the_issuer_unless_one_is_set() {
    let config = loaded([("PUBLIC_URL", "https://id.example.com/auth/")]);
    assert_eq!(config.base_url(1).as_str(), "https://id.example.com/auth/");
    assert_eq!(config.issuer(1), "https://id.example.com/auth");
    let config = loaded([("PUBLIC_URL", "https://id.example.com"), ("TOKEN_ISSUER", "us")]);
    assert_eq!(config.issuer(1), "us");
}

#[test]
fn a_public_url_that_is_none_is_refused_without_quoting_it() {
    for (url, problem) in [
        ("id.example.com", "not a URL: relative URL without a base"),
        ("https://", "not a URL: empty host"),
        ("ftp://example.com", "neither an `http` nor an `https` URL"),
        ("https://jane:hunter2@example.com", "holds a user name or password, which everybody would see"),
        ("https://example.com/?token=hunter2", "ends in a query or fragment, so no path can be added to it"),
    ] {
        let error = refused([("PUBLIC_URL", url)]);
        assert_eq!(
            error,
            format!(
                "PUBLIC_URL (environment): {problem}; set it to an `http` or `https` URL, \
                 or leave it out for the default, `http://HOST:PORT`"
            )
        );
    }
}

#[test]
fn the_store_is_a_sqlite_file_unless_it_is_a_server() {
    for (url, path) in [
        ("sqlite:a.db", "a.db"),
        ("sqlite://a.db", "a.db"),
        ("sqlite:/var/a b.db", "/var/a b.db"),
        ("sqlite:///var/a.db", "/var/a.db"),
        ("sqlite:", "data/portcullis.db"),
    ] {
        assert_eq!(
            loaded([("DATABASE_URL", url), ("DATA_DIR", "data")]).database(),
            StoreAddress::Sqlite(path.into())
        );
    }
    for url in ["a.db", "mysql://jane:hunter2@example.com", "sqlite::memory:", "sqlite:a.db?mode=ro"] {
        let error = refused([("DATABASE_URL", url)]);
        assert!(error.starts_with("DATABASE_URL (environment): "), "{error}");
        assert!(error.contains("; use `sqlite:PATH`"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_master_key_is_read_in_every_base64() {
    let standard = "+/+/MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg=";
    let url_safe = standard.replace('+', "-").replace('/', "_");
    let bytes = |text: &str| *loaded([("MASTER_KEY", text)]).master_key.expect("set").expose();
    let expected = bytes(standard);
    assert_eq!(expected[..5], [0xfb, 0xff, 0xbf, b'0', b'1']);
    assert_eq!(bytes(&url_safe), expected);
    assert_eq!(bytes(standard.trim_end_matches('=')), expected);
    assert_eq!(bytes(url_safe.trim_end_matches('=')), expected);
}

#[test]
fn a_master_key_of_another_form_is_refused_without_quoting_it() {
    for (key, problem) in [("hunter2!", "not base64"), ("c2hvcnQ=", "5 bytes long, not 32")] {
        let error = refused([("MASTER_KEY", key)]);
        assert_eq!(
            error,
            format!(
                "MASTER_KEY (environment): {problem}; set it to 32 bytes in base64, \
                 or leave it out for the default, made in `DATA_DIR` at the first start"
            )
        );
        assert!(!File::new(&format!("master_key = \"{key}\"")).refused().contains(key));
    }
}

#[test]
fn a_sender_may_be_of_this_host() {
    for sender in ["portcullis@localhost", "no-reply@example.com"] {
        assert_eq!(loaded([("EMAIL_FROM", sender)]).email_from.as_str(), sender);
    }
    for sender in ["portcullis", "a@", "@b", "a b@c", "Jane Doe <jane@example.com>", "a@b, c@d"] {
        assert!(refused([("EMAIL_FROM", sender)]).contains("is not an e-mail address"), "{sender}");
    }
}

#[test]
fn a_log_level_may_differ_by_module() {
    let level = |text: &str| loaded([("LOG_LEVEL", text)]).log_level;
    assert_eq!(level("DEBUG").to_string(), "debug");
    let targets = level("info, poem=warn");
    assert!(targets.would_enable("anything", &tracing::Level::INFO));
    assert!(!targets.would_enable("poem", &tracing::Level::INFO));
    for text in ["inof", "info,", "poem=", "verbose", "poem=loud"] {
        assert!(refused([("LOG_LEVEL", text)]).contains("is not `off`, `error`"), "{text}");
    }
}

#[test]
fn an_error_is_one_line_and_quotes_little() {
    let error = refused([("APP_NAME", "a\nb")]);
    assert!(error.contains("\"a\\nb\" is not one line"), "{error}");
    let error = refused([("ENVIRONMENT", &"ß".repeat(100_000))]);
    assert!(error.len() < 400, "{} bytes", error.len());
    let error = refused([("PORTCULLIS_CONFIG", "/nowhere/a\nb")]);
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn networks_and_addresses_are_read_in_either_family() {
    let networks = |text: &str| {
        let networks = loaded([("TRUSTED_PROXIES", text)]).trusted_proxies.expect("given");
        networks.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(networks("10.0.0.0/8"), ["10.0.0.0/8"]);
    assert_eq!(networks(" 192.0.2.1 ,2001:db8::/32, ::1 "), ["192.0.2.1/32", "2001:db8::/32", "::1/128"]);
    assert_eq!(networks("::ffff:10.0.0.0/104"), ["10.0.0.0/8"], "as peers are compared");
    assert_eq!(networks("::ffff:192.0.2.1"), ["192.0.2.1/32"]);
    assert_eq!(networks("0.0.0.0/0, ::/0"), ["0.0.0.0/0", "::/0"]);
    for text in [
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0/8,",
        "proxy.example.com",
        "10.0.0.0/8 192.0.2.1",
        "[::1]",
        "10.0.0.0-9",
        "/8",
    ] {
        let error = refused([("TRUSTED_PROXIES", text)]);
        let start =
            format!("TRUSTED_PROXIES (environment): {text:?} is not a list of networks and addresses");
        assert!(error.starts_with(&start), "{error}");
    }
}
