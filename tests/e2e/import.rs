//! People who come from another system, and people who leave for one.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Output, Stdio},
    time::Instant,
};

use serde_json::{Value, json};

use crate::{
    client::{Client, PASSWORD},
    server::{PATIENCE, Server},
};

/// Of libxcrypt, of the password of all tests.
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuuJqRuf8a1xwL37ZRPMsEZ2R5eHYIOa/O";
/// Of the reference implementation, of `password`.
const ARGON2: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
/// Of passlib, of `password`.
const SCRYPT: &str =
    "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E";

/// Many people to one client address: limits are not what these tests are about.
fn start() -> Server {
    Server::start_with(&[("RATE_LIMIT_ENABLED", "false")])
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("text")
}

fn write(server: &Server, name: &str, content: impl AsRef<[u8]>) {
    fs::write(server.folder().join(name), content).expect("writes");
}

fn import(server: &Server, arguments: &[&str]) -> Output {
    server.command(&[&["import", "users"], arguments].concat()).output().expect("it runs")
}

/// Everybody, as an export writes them.
#[track_caller]
fn exported(server: &Server, arguments: &[&str]) -> Vec<Value> {
    let output = server.command(&[&["export", "users"], arguments].concat()).output().expect("it runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn numbered(count: usize) -> String {
    let people =
        (0..count).map(|number| format!("p{number}@example.com,Jane Doe,user{number},true,{BCRYPT}\n"));
    std::iter::once("email,name,username,is_verified,password_hash\n".to_owned()).chain(people).collect()
}

fn report(folder: &Path, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(name)).expect("a report");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_with_the_hashes_of_other_systems_and_get_one_of_this() {
    let server = start();
    let people =
        [("bcrypt", BCRYPT, PASSWORD), ("argon2", ARGON2, "password"), ("scrypt", SCRYPT, "password")];
    let lines = people.map(|(name, hash, _)| {
        let email = format!("{name}@example.com");
        json!({"email": email, "name": "Jane Doe", "is_verified": true, "password_hash": hash}).to_string()
    });
    write(&server, "people.jsonl", lines.join("\n"));
    let output = import(&server, &["people.jsonl"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("imported 3, already there 0, refused 0"), "{output:?}");
    let client = Client::of(&server);
    for (name, hash, password) in people {
        let email = format!("{name}@example.com");
        client.login(&email, "Tr4vel-heavy").await.expect_error(401, "USER_1001");
        client.login(&email, password).await.expect(200);
        let all = exported(&server, &["--with-password-hashes"]);
        let user = all.iter().find(|user| user["email"] == email.as_str()).expect("there");
        let stored = user["password_hash"].as_str().expect("a hash");
        assert!(stored != hash && stored.starts_with("$scrypt$"), "{name} has {stored}");
        client.login(&email, password).await.expect(200);
    }
}

#[test]
fn what_is_exported_is_imported_elsewhere_in_both_formats() {
    let (here, there) = (start(), start());
    let line = json!({
        "email": "Jane@Example.com", "name": "Zoë O'Neil", "username": "jane", "phone": "+4420 7946 0000",
        "business_type": "a, \"quoted\" trade", "business_number": "12-3", "industry": "빵", "region": "=1+1",
        "role": "moderator", "is_active": false, "is_verified": true, "password_hash": SCRYPT,
        "created_at": "2019-05-01T12:00:00.000001Z",
    });
    write(&here, "one.jsonl", format!("{line}\n{}\n", json!({"email": "joe@example.com", "name": "Joe"})));
    assert_eq!(import(&here, &["one.jsonl"]).status.code(), Some(0));
    for name in ["people.csv", "people.jsonl"] {
        let arguments = ["export", "users", "--with-password-hashes", "--output", name];
        let output = here.command(&arguments).output().expect("it runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("password hashes"), "{output:?}");
        let file = here.folder().join(name);
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        let again = here.command(&arguments).output().expect("it runs");
        assert_eq!(again.status.code(), Some(1), "what is there is overwritten");
        write(&there, name, fs::read(&file).expect("reads"));
        let output = import(&there, &[name]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let created =
            if name == "people.csv" { "imported 2, already there 0" } else { "imported 0, already there 2" };
        assert!(text(&output.stdout).starts_with(created), "{output:?}");
    }
    let [mut before, mut after] = [&here, &there].map(|server| exported(server, &["--with-password-hashes"]));
    for people in [&mut before, &mut after] {
        people.sort_by_key(|user| user["email"].to_string());
        for user in people.iter_mut() {
            let fields = user.as_object_mut().expect("an object");
            assert!(fields.remove("id").is_some());
        }
    }
    assert_eq!(before, after);
    assert_eq!(before[0]["password_hash"], SCRYPT);
    assert_eq!(before[0]["created_at"], "2019-05-01T12:00:00.000001Z");
    assert!(exported(&here, &[]).iter().all(|user| user.get("password_hash").is_none()));
}

#[test]
fn a_dry_run_says_what_would_be_refused_and_writes_nothing() {
    let server = start();
    write(&server, "first.csv", "email,name,username\njane@example.com,Jane,jane\n");
    assert_eq!(import(&server, &["first.csv"]).status.code(), Some(0));
    let people = "email,name,username\njane@example.com,Jane,\nann@example.com,Ann,JANE\njoe@example.com,Joe,joe\n\
                  JOE@example.com,Joe,\nbob@example.com,Bob,joe\n";
    write(&server, "second.csv", people);
    let refused = vec![
        json!({"line": 5, "fields": {"email": ["is that of line 4"]}}),
        json!({"line": 6, "fields": {"username": ["is that of line 4"]}}),
        json!({"line": 3, "fields": {"username": ["is taken by another account"]}}),
    ];
    for (arguments, verb, count) in
        [(&["second.csv", "--dry-run"][..], "would import", 1), (&["second.csv"], "imported", 2)]
    {
        let output = import(&server, arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let expected = format!("{verb} 1, already there 1, refused 3");
        assert!(text(&output.stdout).starts_with(&expected), "{output:?}");
        assert!(text(&output.stderr).contains("second.csv.refused.jsonl"), "{output:?}");
        assert_eq!(report(server.folder(), "second.csv.refused.jsonl"), refused);
        assert_eq!(exported(&server, &[]).len(), count, "{arguments:?}");
    }
}

#[test]
fn refused_lines_are_named_with_every_reason_and_nothing_of_what_they_hold() {
    let server = start();
    let mut people = b"\xef\xbb\xbf{\"email\":\"good@example.com\",\"name\":\"Good\"}\r\n".to_vec();
    people.extend(b"{\"email\":\"secret@\",\"name\":\"x\",\"password_hash\":\"5ecret5ecret\",\"is_active\":1,\"secrets\":\"\"}\n");
    people.extend(b"not secret\n{\"email\":\"secret\xff\"}\n");
    people.extend(vec![b's'; 10 << 20]);
    people.extend(b"\n{\"email\":\"a@example.com\",\"name\":\"A\\u0000 secret\",\"password_hash\":\"$2b$31$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW\"}\n");
    people.extend(
        b"{\"email\":\"fine@example.com\",\"name\":\"Fine\",\"created_at\":\"2020-01-01T00:00:00Z\"}\n",
    );
    write(&server, "people", &people);
    let output = import(&server, &["people", "--format", "jsonl", "--report", "report"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stdout).starts_with("imported 2, already there 0, refused 5"), "{output:?}");
    let told = fs::read_to_string(server.folder().join("report")).expect("a report");
    assert!(!told.contains("secret@") && !told.contains("5ecret") && !told.contains("$2b$"), "{told}");
    let told = report(server.folder(), "report");
    let lines: Vec<_> = told.iter().map(|entry| entry["line"].as_u64().expect("a number")).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6]);
    let names: Vec<_> = told[0]["fields"].as_object().expect("fields").keys().collect();
    assert_eq!(names, ["email", "is_active", "name", "password_hash", "secrets"]);
    assert_eq!(told[2]["problem"], "is not UTF-8");
    let dear = &told[4]["fields"]["password_hash"][0];
    assert_eq!(dear, "takes more memory or time to check than is allowed");
}

#[test]
fn an_import_that_is_killed_goes_on_where_it_was() {
    let server = start();
    let people = numbered(1_500);
    let (head, _) = people.split_at(people.len() * 2 / 3);
    let mut child = server
        .command(&["import", "users", "-", "--format", "csv"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(head.as_bytes()).expect("it reads");
    let deadline = Instant::now() + PATIENCE;
    while exported(&server, &[]).is_empty() {
        assert!(Instant::now() < deadline, "nobody was imported within {PATIENCE:?}");
    }
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    let there = exported(&server, &[]).len();
    assert!((200..1_500).contains(&there), "{there}");
    write(&server, "people.csv", &people);
    for (created, there) in [(1_500 - there, there), (0, 1_500)] {
        let output = import(&server, &["people.csv"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let expected = format!("imported {created}, already there {there}, refused 0");
        assert!(text(&output.stdout).starts_with(&expected), "{expected}: {output:?}");
    }
    assert_eq!(exported(&server, &[]).len(), 1_500);
    let audit = server.command(&["audit", "verify"]).output().expect("it runs");
    assert!(audit.status.success(), "{audit:?}");
}

#[test]
fn arguments_and_files_that_cannot_be_meant_are_refused_before_anything_is_read() {
    let server = start();
    write(&server, "people", "email,name\n");
    write(&server, "unknown.csv", "email,name,password\na@example.com,Ann,x\n");
    for (arguments, code, word) in [
        (&["people"][..], 2, "--format"),
        (&["-"], 2, "--format"),
        (&[], 2, "FILE"),
        (&["missing.csv"], 1, "missing.csv"),
        (&["unknown.csv"], 1, "\"password\""),
    ] {
        let output = import(&server, arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        assert!(text(&output.stderr).contains(word), "{arguments:?}: {output:?}");
    }
    assert_eq!(exported(&server, &[]), Vec::<Value>::new());
    let output = import(&server, &["unknown.csv", "--ignore-unknown"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(exported(&server, &[]).len(), 1);
}
