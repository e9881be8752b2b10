use std::time::Duration;

use portcullis_domain::Policy;

use super::*;

#[test]
fn nothing_set_is_a_configuration() {
    let config = loaded([]);
    assert_eq!(config.listen_on(), ("127.0.0.1".to_owned(), 8000));
    assert_eq!(config.environment, Environment::Development);
    assert_eq!(config.base_url(8000).as_str(), "http://127.0.0.1:8000/");
    assert_eq!(config.issuer(8000), "http://127.0.0.1:8000");
    assert_eq!(config.database(), StoreAddress::Sqlite("./portcullis-data/portcullis.db".into()));
    assert_eq!(config.log_level.to_string(), "info");
    assert!(config.master_key.is_none());
    assert_eq!(config.request_timeout, Duration::from_secs(10));
}

#[test]
fn defaults_of_the_policy_are_those_of_the_domain() {
    assert_eq!(loaded([]).policy(), Policy::default());
}

#[test]
fn lifetimes_are_read_in_their_units() {
    let policy = loaded([
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "5"),
        ("REFRESH_TOKEN_EXPIRE_DAYS", "2"),
        ("REFRESH_REUSE_LEEWAY_SECONDS", "0"),
        ("ENABLE_EMAIL_VERIFICATION", "false"),
    ])
    .policy();
    assert_eq!(policy.access_token_lifetime, Duration::from_secs(300));
    assert_eq!(policy.refresh_token_lifetime, Duration::from_secs(172_800));
    assert_eq!(policy.refresh_reuse_leeway, Duration::ZERO);
    assert!(!policy.email_verification);
}

#[test]
fn production_refuses_a_generated_key_and_mail_files() {
    let production = ("ENVIRONMENT", "production");
    assert_eq!(
        refused([production]),
        "MASTER_KEY (default): ENVIRONMENT is `production`, where no key is made beside the data it seals; \
         set it to what `openssl rand -base64 32` prints and keep a copy, or set ALLOW_INSECURE=true"
    );
    assert_eq!(
        refused([production, ("MASTER_KEY", KEY)]),
        "SMTP_URL (default): ENVIRONMENT is `production`, where mails are not just written to files; \
         set it to `smtps://USER:PASSWORD@HOST`, or set ALLOW_INSECURE=true"
    );
    assert!(load([production, ("MASTER_KEY", KEY), ("SMTP_URL", "smtps://mail.example.com")]).is_ok());
    assert!(load([production, ("ALLOW_INSECURE", "true")]).is_ok());
    assert!(load([("ENVIRONMENT", "staging")]).is_ok());
}

#[test]
fn a_setting_that_fails_in_use_is_named_with_where_it_came_from() {
    let config = loaded([("PORT", "80")]);
    assert_eq!(
        config.refuse("PORT", "80 is taken", "choose another").to_string(),
        "PORT (environment): 80 is taken; choose another"
    );
    assert_eq!(
        config.refuse("DATA_DIR", "read-only", "choose another").to_string(),
        "DATA_DIR (default): read-only; choose another"
    );
}

#[test]
fn the_listing_shows_each_value_and_where_it_came_from_but_no_secret() {
    let file = File::new("app_name = \"front\"");
    let config = file.load([("MASTER_KEY", KEY), ("PORT", "9000")]).expect("valid");
    let listing = config.listing();
    let line = |name: &str| {
        let line = listing.lines().find(|line| line.starts_with(&format!("{name} "))).expect("listed");
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("APP_NAME"), format!("front {} line 1", file.path().display()));
    assert_eq!(line("PORT"), "9000 environment");
    assert_eq!(line("MASTER_KEY"), "*** environment");
    assert_eq!(line("PUBLIC_URL"), "http://127.0.0.1:9000/ default");
    assert_eq!(line("TOKEN_ISSUER"), "http://127.0.0.1:9000 default");
    assert_eq!(line("DATABASE_URL"), "sqlite:./portcullis-data/portcullis.db default");
    assert_eq!(line("LOG_FORMAT"), "human on a terminal, else json default");
    assert_eq!(listing.lines().count(), setting::settings().len());
    let key = loaded([]).listing();
    assert!(key.contains("made in DATA_DIR at the first start"), "{key}");
}

#[test]
fn neither_debug_nor_the_listing_shows_the_master_key() {
    let config = loaded([("MASTER_KEY", KEY)]);
    let shown = format!("{config:?}{}", config.listing());
    assert!(!shown.contains(KEY) && !shown.contains("49, 50, 51"), "{shown}");
}

#[test]
fn the_reference_page_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let page = fs::read_to_string(path).expect("the page is checked in");
    assert_eq!(page, reference(), "docs/configuration.md is stale: `just reference` writes it anew");
}
