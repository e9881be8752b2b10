//! The list and the domain's documentation say the same: every line of every port's contract is quoted, word for word, and
//! nothing is quoted that no port says. And the README shows the example that runs.

use std::{collections::BTreeMap, fs, path::Path};

use portcullis_contract as kit;

/// Ports whose adapters are the operating system's: their lines are tested beside the one adapter there is.
const WITHOUT_CASES: [&str; 2] = ["Clock", "Entropy"];

/// The lines of the `# Contract` of each trait in a source file.
fn contracts(source: &str) -> BTreeMap<String, Vec<String>> {
    let mut contracts = BTreeMap::new();
    let (mut lines, mut is_contract) = (Vec::<String>::new(), false);
    for line in source.lines() {
        if let Some(name) = line.strip_prefix("pub trait ") {
            let name = name.split(':').next().unwrap_or_default().to_owned();
            contracts.insert(name, std::mem::take(&mut lines));
        }
        let Some(doc) = line.strip_prefix("///") else {
            is_contract = false;
            continue;
        };
        let doc = doc.trim();
        let number = doc.split_once(". ").filter(|(number, _)| number.parse::<u32>().is_ok());
        match doc.strip_prefix("* ").or(number.map(|(_, text)| text)) {
            _ if doc == "# Contract" => is_contract = true,
            Some(text) if is_contract => lines.push(text.to_owned()),
            None if is_contract && !doc.is_empty() => {
                let line = lines.last_mut().expect("a contract begins with a line");
                *line = format!("{line} {doc}");
            }
            _ => {}
        }
    }
    contracts
}

#[test]
fn every_line_of_every_contract_is_quoted_with_its_cases() {
    let ports = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/domain/src/port");
    let mut documented = BTreeMap::new();
    for file in fs::read_dir(ports).expect("the domain lies beside the kit") {
        let source = fs::read_to_string(file.expect("reads").path()).expect("reads");
        documented.extend(contracts(&source));
    }
    for port in WITHOUT_CASES {
        assert!(documented.remove(port).is_some(), "{port} is no port any more");
    }
    let quoted = [
        ("EventStore", kit::event_store::LINES),
        ("Users", kit::users::LINES),
        ("Credentials", kit::credentials::LINES),
        ("Sessions", kit::sessions::LINES),
        ("OneTimeCodes", kit::one_time_codes::LINES),
        ("SubjectKeys", kit::subject_keys::LINES),
        ("Companies", kit::companies::LINES),
        ("Members", kit::members::LINES),
        ("Invitations", kit::invitations::LINES),
        ("LoginHistory", kit::login_history::LINES),
        ("Accesses", kit::accesses::LINES),
        ("Streams", kit::streams::LINES),
        ("EventSearch", kit::event_search::LINES),
        ("IdempotencyKeys", kit::idempotency_keys::LINES),
        ("ApiKeys", kit::api_keys::LINES),
        ("Features", kit::features::LINES),
        ("FeatureUsages", kit::feature_usages::LINES),
        ("SigningKeys", kit::signing_keys::LINES),
        ("Subscriptions", kit::subscriptions::LINES),
        ("Checkpoints", kit::checkpoints::LINES),
        ("Replays", kit::replays::LINES),
        // What `Replays` opens, and says of it.
        ("Shadow", &[]),
        ("Retention", kit::retention::LINES),
        ("CheckpointSigner", kit::checkpoint_signer::LINES),
        ("CheckpointVerifier", kit::checkpoint_verifier::LINES),
        ("Tokens", kit::tokens::LINES),
        ("PasswordHasher", kit::password_hasher::LINES),
        ("Mailer", kit::mailer::LINES),
        ("Publisher", kit::publisher::LINES),
        ("SessionCache", kit::session_cache::LINES),
        ("RateLimiter", kit::rate_limiter::LINES),
        ("AttemptCounters", kit::attempt_counters::LINES),
    ];
    for (port, lines) in quoted {
        assert_eq!(documented.remove(port).unwrap_or_default(), lines, "{port}");
    }
    assert_eq!(documented, BTreeMap::new(), "ports without cases");
}

#[test]
fn a_line_that_goes_on_below_is_read_whole() {
    let source = "/// Text. * no line\n///\n/// # Contract\n///\n/// 1. One\n///    and more.\n/// * Two.\n#[x]\npub trait Port: Send {\n    /// * Not a line.\n}";
    let expected = vec!["One and more.".to_owned(), "Two.".to_owned()];
    assert_eq!(contracts(source), BTreeMap::from([("Port".to_owned(), expected)]));
}

#[test]
fn the_readme_shows_the_example_that_runs() {
    let example = include_str!("example.rs");
    assert!(include_str!("../README.md").contains(&format!("```rust\n{example}```\n")));
}
