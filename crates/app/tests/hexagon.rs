//! Imports point inwards: domain ◀ adapters ◀ app ◀ command line. `deny.toml` says who may use what, and this is what holds
//! everybody to it without cargo-deny: the rules are read from that file, the dependencies from the manifests and `Cargo.lock`.
//! Development dependencies are left out, here as there: what only tests use is not shipped.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

/// What would give the domain a runtime, a network or a disk.
const OUTSIDE_THE_DOMAIN: [&str; 11] = [
    "tokio",
    "mio",
    "socket2",
    "futures-executor",
    "hyper",
    "poem",
    "diesel",
    "libsqlite3-sys",
    "lettre",
    "rustls",
    "reqwest",
];

/// Packages by name, each with those it uses directly.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// A package that only some may use directly.
struct Rule {
    package: String,
    allowed: Vec<String>,
}

#[test]
fn each_package_is_used_only_by_those_deny_toml_allows() {
    let breaches = breaches(&rules(), &shipped_uses());
    assert!(breaches.is_empty(), "deny.toml forbids it:\n{}", breaches.join("\n"));
}

#[test]
fn the_domain_reaches_no_runtime_no_network_and_no_disk() {
    let reached = reachable("portcullis-domain", &shipped_uses());
    let outside: Vec<_> = OUTSIDE_THE_DOMAIN.iter().filter(|name| reached.contains(**name)).collect();
    assert!(outside.is_empty(), "portcullis-domain depends on {outside:?}");
    assert!(reached.contains("serde_core"), "the graph was read to its leaves");
}

#[test]
fn adapters_know_neither_each_other_nor_the_app() {
    let uses = shipped_uses();
    let adapters = adapters();
    for adapter in &adapters {
        let own = uses[adapter].iter().filter(|used| used.starts_with("portcullis-"));
        // Who may use what the SQL stores have in common, its own rule says.
        let below = ["portcullis-domain", "portcullis-sql"];
        let others: Vec<_> = own.filter(|used| !below.contains(&used.as_str())).collect();
        assert!(others.is_empty(), "{adapter} depends on {others:?}");
    }
    assert!(adapters.len() > 1, "the adapters were found");
}

#[test]
fn the_service_asks_nobody_over_http() {
    let shipped = reachable("portcullis-cli", &shipped_uses());
    assert!(
        shipped.contains("poem") && !shipped.contains("reqwest"),
        "what tokens are checked with elsewhere is linked"
    );
}

#[test]
fn each_adapter_has_a_rule_in_deny_toml() {
    let rules = rules();
    for adapter in adapters() {
        let rule = rules.iter().find(|rule| rule.package == adapter);
        let allowed = rule.map(|rule| rule.allowed.join(" "));
        let expected = match adapter.as_str() {
            // What checks tokens is the service's and that of whoever receives them: one rule, two users.
            "portcullis-jwt" | "portcullis-paseto" => "portcullis-app portcullis-verify",
            // No adapter itself: what two of them have in common.
            "portcullis-sql" => "portcullis-sqlite portcullis-postgres",
            _ => "portcullis-app",
        };
        assert_eq!(allowed.as_deref(), Some(expected), "{adapter} in deny.toml");
    }
}

#[test]
fn diesel_in_the_domain_would_be_found() {
    let mut uses = shipped_uses();
    uses.entry("portcullis-domain".to_owned()).or_default().insert("diesel".to_owned());
    assert!(breaches(&rules(), &uses).contains(&"portcullis-domain uses diesel".to_owned()));
    assert!(reachable("portcullis-domain", &uses).contains("libsqlite3-sys"));
}

fn breaches(rules: &[Rule], uses: &Uses) -> Vec<String> {
    let forbidden = |package: &str, used: &String| {
        rules.iter().any(|rule| rule.package == *used && !rule.allowed.iter().any(|name| name == package))
    };
    uses.iter()
        .flat_map(|(package, used)| used.iter().map(move |used| (package, used)))
        .filter(|(package, used)| forbidden(package, used))
        .map(|(package, used)| format!("{package} uses {used}"))
        .collect()
}

fn reachable(from: &str, uses: &Uses) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from.to_owned()];
    while let Some(package) = open.pop() {
        let fresh = uses.get(&package).into_iter().flatten().filter(|used| reached.insert((*used).clone()));
        open.extend(fresh.cloned());
    }
    reached
}

/// Everything the workspace is shipped with: its own packages by their manifests, all others by `Cargo.lock`.
fn shipped_uses() -> Uses {
    let workspace = table(&read("Cargo.toml"), &["workspace", "dependencies"]);
    let manifests = manifests();
    let own: Uses =
        manifests.iter().map(|manifest| (name_of(manifest), direct_uses(manifest, &workspace))).collect();
    let mut uses = locked_uses();
    uses.extend(own.clone());
    let mut shipped: BTreeSet<_> = own.keys().cloned().collect();
    shipped.extend(own.keys().flat_map(|package| reachable(package, &uses)));
    uses.retain(|package, _| shipped.contains(package));
    uses
}

fn locked_uses() -> Uses {
    let mut uses = Uses::new();
    let lock = read("Cargo.lock");
    for package in lock["package"].as_array().expect("Cargo.lock lists packages") {
        let names = package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
        // "name", or "name version" where several versions are in the tree.
        let names = names.filter_map(|line| line.as_str()?.split(' ').next()).map(str::to_owned);
        uses.entry(text(package, "name")).or_default().extend(names);
    }
    uses
}

/// What a manifest names outside its development dependencies, by the packages' own names.
fn direct_uses(manifest: &Table, workspace: &Table) -> BTreeSet<String> {
    let for_targets = table(manifest, &["target"]);
    let places = std::iter::once(manifest).chain(for_targets.values().filter_map(Value::as_table));
    places
        .flat_map(|place| [table(place, &["dependencies"]), table(place, &["build-dependencies"])])
        .flatten()
        .map(|(key, how)| {
            let package = how.get("package").or_else(|| workspace.get(&key)?.get("package"));
            package.and_then(Value::as_str).map_or(key, str::to_owned)
        })
        .collect()
}

fn rules() -> Vec<Rule> {
    let deny = read("deny.toml");
    let bans = deny["bans"]["deny"].as_array().expect("deny.toml lists bans");
    bans.iter()
        .map(|ban| {
            let wrappers = ban.get("wrappers").and_then(Value::as_array).into_iter().flatten();
            let allowed = wrappers.filter_map(Value::as_str).map(str::to_owned).collect();
            Rule { package: text(ban, "crate"), allowed }
        })
        .collect()
}

fn adapters() -> Vec<String> {
    packages_in("crates/adapters").iter().map(|folder| name_of(&read(folder.join("Cargo.toml")))).collect()
}

fn manifests() -> Vec<Table> {
    let root = read("Cargo.toml");
    let members = root["workspace"]["members"].as_array().expect("members are a list");
    members
        .iter()
        .filter_map(Value::as_str)
        .flat_map(|member| match member.strip_suffix("/*") {
            Some(parent) => packages_in(parent),
            None => vec![PathBuf::from(member)],
        })
        .map(|folder| read(folder.join("Cargo.toml")))
        .collect()
}

fn packages_in(parent: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(parent)).expect("the folder is there");
    let folders = entries.map(|entry| entry.expect("it can be listed").path());
    folders.filter(|folder| folder.join("Cargo.toml").exists()).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: impl AsRef<Path>) -> Table {
    let path = root().join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn name_of(manifest: &Table) -> String {
    text(&manifest["package"], "name")
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().expect("a text").to_owned()
}

/// The table at a path, or an empty one.
fn table(from: &Table, path: &[&str]) -> Table {
    path.iter().try_fold(from, |table, key| table.get(*key)?.as_table()).cloned().unwrap_or_default()
}
