use std::ffi::OsString;

use super::*;

#[test]
fn the_environment_goes_before_the_file_and_the_file_before_the_default() {
    let file = File::new("port = 9000\nhost = \"::1\"\nenable_email_verification = false\n");
    let config = file.load([("PORT", "9100")]).expect("valid");
    assert_eq!(config.listen_on(), ("::1".to_owned(), 9100));
    assert_eq!(config.base_url(9100).as_str(), "http://[::1]:9100/");
    assert!(!config.email_verification);
    assert_eq!(config.app_name, "portcullis");
}

#[test]
fn the_file_may_be_named_by_the_environment_and_the_flag_goes_before() {
    let (named, flagged) = (File::new("port = 1"), File::new("port = 2"));
    let environment = [("PORTCULLIS_CONFIG", named.path())];
    let sources = Sources::new(environment);
    assert_eq!(Config::load(&sources).expect("valid").port, 1);
    assert_eq!(Config::load(&sources.with_file(Some(flagged.path()))).expect("valid").port, 2);
}

#[test]
fn a_named_file_that_is_not_there_is_refused() {
    let error = refused([("PORTCULLIS_CONFIG", "/nowhere/portcullis.toml")]);
    assert!(error.starts_with("PORTCULLIS_CONFIG: /nowhere/portcullis.toml cannot be read: "), "{error}");
    let flagged = Sources::new([("PORT", "1")]).with_file(Some("/nowhere/portcullis.toml".into()));
    let error = Config::load(&flagged).expect_err("refused").to_string();
    assert!(error.starts_with("--config: /nowhere/portcullis.toml cannot be read: "), "{error}");
    assert!(error.ends_with("; name a readable TOML file"), "{error}");
}

#[test]
fn a_file_that_is_no_toml_is_refused_by_its_line_without_quoting_it() {
    let error = File::new(&format!("port = 1\nmaster_key = {KEY}\n")).refused();
    assert!(error.starts_with("portcullis.toml (FILE line 2): not TOML: "), "{error}");
    assert!(!error.contains(KEY), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    assert_eq!(
        File::new("app_name = \"x\"\nacces_token_expire_minutes = 5").refused(),
        "acces_token_expire_minutes (FILE line 2): no setting of this version; did you mean `access_token_expire_minutes`?"
    );
    assert!(File::new("PORT = 1").refused().ends_with("did you mean `port`?"));
    assert!(File::new("public-url = \"x\"").refused().ends_with("did you mean `public_url`?"));
    assert_eq!(
        File::new("colour = \"blue\"").refused(),
        "colour (FILE line 1): no setting of this version; remove it; `portcullis config` lists all settings"
    );
}

#[test]
fn what_is_no_single_value_is_refused() {
    assert_eq!(File::new("port = 9_000").load([]).expect("valid").port, 9000);
    for text in ["port = [1]", "port = { a = 1 }", "port = 1979-05-27", "port = 1.5", "port = 0x10"] {
        assert_eq!(
            File::new(text).refused(),
            "port (FILE line 1): not a single value; write it as `key = \"value\"`",
            "{text}"
        );
    }
    assert!(File::new("[server]\nport = 1").refused().starts_with("server (FILE line 1): no setting"));
}

#[test]
fn an_empty_value_in_the_file_is_refused() {
    assert_eq!(
        File::new("port = \" \"").refused(),
        "port (FILE line 1): empty; give it a value, or leave the line out for the default, `8000`"
    );
}

#[test]
fn an_empty_variable_counts_as_unset_and_space_around_a_value_as_nothing() {
    let config =
        loaded([("PORT", ""), ("HOST", " \t\u{a0}"), ("APP_NAME", "  Türsteher \n"), ("REDIS_URL", "")]);
    assert_eq!(config.listen_on(), ("127.0.0.1".to_owned(), 8000));
    assert_eq!(config.app_name, "Türsteher");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_unicode_is_refused() {
    use std::os::unix::ffi::OsStringExt;

    let value = OsString::from_vec(vec![b'a', 0xff]);
    let error = Config::load(&Sources::new([("APP_NAME", value)])).expect_err("refused");
    assert_eq!(error.to_string(), "APP_NAME (environment): not valid UTF-8; write it in UTF-8");
}

#[test]
fn variables_of_other_programs_are_ignored() {
    assert!(load([("PATH", "/bin"), ("PORTS", "x"), ("port", "x"), ("LANG", "C")]).is_ok());
}

#[test]
fn a_setting_of_a_later_version_is_refused_in_the_file() {
    for name in later::NAMES {
        let key = name.to_lowercase();
        assert_eq!(
            File::new(&format!("{key} = 1")).refused(),
            format!("{name} (FILE line 1): not supported in this version; remove it")
        );
    }
}

#[test]
fn an_address_of_another_kind_of_server_is_refused_without_quoting_it() {
    for (name, schemes, default) in [
        ("REDIS_URL", "`redis://…` or `rediss://…`", "none"),
        ("AMQP_URL", "`amqp://…` or `amqps://…`", "none"),
        ("SMTP_URL", "`smtp://…` or `smtps://…`", "none: mails are files in `DATA_DIR`"),
    ] {
        let error = refused([(name, "scheme://jane:hunter2@example.com")]);
        let remedy = format!("set it to {schemes}, or leave it out for the default, {default}");
        assert_eq!(error, format!("{name} (environment): the address of another kind of server; {remedy}"));
    }
    let error = refused([("DATABASE_URL", "mysql://jane:hunter2@example.com/x")]);
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_password_in_an_address_is_masked_wherever_it_is_shown() {
    let addresses = [
        ("DATABASE_URL", "postgres://jane:hunter2@db.example.com/x"),
        ("REDIS_URL", "redis://:hunter2@cache.example.com"),
        ("AMQP_URL", "amqp://jane:hunter2@broker.example.com/%2f"),
        ("SMTP_URL", "smtp://jane:hunter2@mail.example.com"),
    ];
    let config = loaded(addresses);
    let listing = config.listing();
    assert!(listing.contains("postgres://jane:***@db.example.com/x"), "{listing}");
    assert!(listing.contains("smtp://jane:***@mail.example.com"), "{listing}");
    for shown in [listing, format!("{config:?}")] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn production_refuses_open_ways_to_other_machines() {
    let production =
        [("ENVIRONMENT", "production"), ("MASTER_KEY", KEY), ("SMTP_URL", "smtps://mail.example.com")];
    for (name, open, closed) in [
        ("DATABASE_URL", "postgres://db.example.com/x", "postgres://db.example.com/x?sslmode=verify-full"),
        ("REDIS_URL", "redis://cache.example.com", "rediss://cache.example.com"),
        ("AMQP_URL", "amqp://broker.example.com", "amqps://broker.example.com"),
    ] {
        let with = |value| [production[0], production[1], production[2], (name, value)];
        assert!(refused(with(open)).starts_with(name), "{name}");
        assert!(load(with(closed)).is_ok(), "{name}");
    }
    let by_way_of = |url| [production[0], production[1], ("SMTP_URL", url)];
    for open in ["smtp://mail.example.com?tls=none", "smtp://10.0.0.1?tls=opportunistic"] {
        assert!(refused(by_way_of(open)).starts_with("SMTP_URL"), "{open}");
    }
    for closed in
        ["smtp://mail.example.com", "smtp://127.0.0.1", "smtp://[::1]:25?tls=none", "smtp://localhost"]
    {
        assert!(load(by_way_of(closed)).is_ok(), "{closed}");
    }
}

#[test]
fn other_variables_of_a_later_version_are_told_apart() {
    let config = loaded([("LOG_KEEP_DAYS", "50"), ("LOG_DIR", ""), ("LOG_LEVEL", "warn")]);
    assert_eq!(config.without_effect(), ["LOG_KEEP_DAYS"]);
}

#[test]
fn no_setting_is_both_of_this_and_of_a_later_version() {
    let names: Vec<_> = setting::settings().iter().map(|setting| setting.name).collect();
    assert!(later::NAMES.iter().all(|name| !names.contains(name)));
}
