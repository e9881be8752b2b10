//! The lines that the README and the program itself print for people to type, typed as they are printed.

use std::{
    fs,
    io::Write,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::server::{PATIENCE, Server};

const README: &str = include_str!("../../README.md");
const PRINTED_ADDRESS: &str = "127.0.0.1:8000";
const SYSTEM_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The port of the printed lines is one for all tests of this process.
static DEFAULT_PORT: Mutex<()> = Mutex::new(());

/// The shell block of the README below a marker.
pub(crate) fn readme_lines(marker: &str) -> &'static str {
    let (_, after) = README.split_once(&format!("<!-- {marker}: ")).expect("the README has the marker");
    let (_, block) = after.split_once("```sh\n").expect("a shell block follows");
    block.split_once("\n```").expect("the block ends").0
}

/// Runs lines with bash in a folder; what they print.
pub(crate) fn run(lines: &str, folder: &Path) -> String {
    let mut bash = Command::new("bash");
    // A person's proxy is not for their own machine, and the tools would ask it where one is set.
    bash.args(["-euo", "pipefail", "-c", lines])
        .current_dir(folder)
        .env("NO_PROXY", "*")
        .stdin(Stdio::null());
    let output = bash.output().expect("bash runs");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\nstdout: {stdout}\nstderr: {stderr}", output.status);
    stdout.into_owned()
}

/// As [`run`]; each JSON value they print, in order.
fn answers(lines: &str, folder: &Path) -> Vec<Value> {
    let printed = run(lines, folder);
    let values = serde_json::Deserializer::from_str(&printed).into_iter();
    values.map(|value| value.unwrap_or_else(|error| panic!("{error} in {printed}"))).collect()
}

fn error_codes(answers: &[Value]) -> Vec<Option<&str>> {
    answers.iter().map(|answer| answer["error_code"].as_str()).collect()
}

#[test]
fn the_readmes_walkthrough_runs_as_it_stands_from_clone_to_signed_out() {
    let _port = DEFAULT_PORT.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::start_as_printed();
    let address = server.url().trim_start_matches("http://");
    let answers = answers(&readme_lines("walkthrough").replace(PRINTED_ADDRESS, address), server.folder());

    let codes = [None, None, None, None, Some("USER_1006"), Some("USER_1202")];
    assert_eq!(error_codes(&answers), codes, "{answers:#?}");
    let [registered, verified, me, signed_out, ..] = &answers[..] else { unreachable!("six were compared") };
    assert_eq!(registered["email"], "jane@example.com");
    assert_eq!(registered["name"], "Jane Doe");
    assert_eq!(registered["is_verified"], false);
    assert_eq!(verified, &json!({"message": "The e-mail address is verified"}));
    assert_eq!(me["user"]["id"], registered["id"]);
    assert_eq!(me["user"]["is_verified"], true);
    assert_eq!(me["session"]["current"], true);
    assert_eq!(signed_out, &json!({"message": "Signed out"}));
}

/// `serve` as a person sees it: on a terminal of its own.
struct OnTerminal {
    folder: tempfile::TempDir,
    script: Child,
}

impl OnTerminal {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let screen = fs::File::create(folder.path().join("screen")).expect("a file");
        let mut command = Command::new("script");
        command.args(["-qec", &format!("exec '{}' serve", env!("CARGO_BIN_EXE_portcullis")), "/dev/null"]);
        command.current_dir(folder.path()).env_clear().env("PATH", SYSTEM_PATH).env("SHELL", "/bin/sh");
        if TcpListener::bind(PRINTED_ADDRESS).is_err() {
            command.env("PORT", "0");
        }
        command.stdin(Stdio::piped()).stdout(screen);
        let script =
            command.spawn().expect("`script`, of the package util-linux or bsdutils, makes the terminal");
        Self { folder, script }
    }

    /// What stands between two lines on the screen; waits for it.
    fn wait_for(&self, from: &str, to: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = fs::read(self.folder.path().join("screen")).expect("a file");
            let screen = String::from_utf8_lossy(&screen).replace("\r\n", "\n");
            let found = screen.split_once(from).and_then(|(_, after)| after.split_once(to));
            if let Some((between, _)) = found {
                return between.to_owned();
            }
            assert!(Instant::now() < deadline, "no {from:?} … {to:?} on the screen:\n{screen}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn press_control_c(&mut self) {
        let keyboard = self.script.stdin.as_mut().expect("a keyboard");
        keyboard.write_all(b"\x03").expect("it listens to its keyboard");
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

#[test]
fn the_lines_that_serve_prints_on_a_terminal_run_from_any_other_folder() {
    let _port = DEFAULT_PORT.lock().unwrap_or_else(PoisonError::into_inner);
    let mut terminal = OnTerminal::start();
    let printed = terminal.wait_for("Try it from another terminal:\n", "Stop it with Ctrl-C.");

    let elsewhere = tempfile::tempdir().expect("a folder");
    let answers = answers(&printed, elsewhere.path());
    assert_eq!(error_codes(&answers), [None, None, None], "{answers:#?}");
    assert_eq!(answers[0]["email"], "jane@example.com");
    assert_eq!(answers[2]["token_type"], "bearer");

    terminal.press_control_c();
    assert!(terminal.script.wait().expect("it ends").success());
}

#[test]
fn serve_says_on_a_terminal_where_it_listens_where_its_data_is_and_where_its_documents_are() {
    let _port = DEFAULT_PORT.lock().unwrap_or_else(PoisonError::into_inner);
    let terminal = OnTerminal::start();
    let url = terminal.wait_for("Portcullis listens on", "\n");
    let url = url.trim();
    let data = terminal.wait_for("Its data is in", "\n");
    let folder = terminal.folder.path().canonicalize().expect("a folder");
    assert_eq!(Path::new(data.trim()), folder.join("portcullis-data"));
    let documents = terminal.wait_for("The API's documents", "\n");
    assert_eq!(documents.trim(), format!("{url}/docs and {url}/redoc"));
}
