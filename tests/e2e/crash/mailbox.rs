//! What was mailed.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
    fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::server::{PATIENCE, Server};

/// The mail folder, read as it grows: after hundreds of rounds it holds thousands.
pub(super) struct Mailbox {
    folder: PathBuf,
    read: Mutex<Letters>,
}

#[derive(Default)]
struct Letters {
    seen: HashSet<OsString>,
    codes: HashMap<String, String>,
}

impl Mailbox {
    pub(super) fn of(server: &Server) -> Self {
        Self { folder: server.data().join("mail"), read: Mutex::default() }
    }

    pub(super) fn code(&self, email: &str) -> Option<String> {
        let mut letters = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = letters.codes.get(email) {
            return Some(code.clone());
        }
        for entry in fs::read_dir(&self.folder).expect("a mail folder").flatten() {
            let path = entry.path();
            let is_mail = path.extension().is_some_and(|extension| extension == "eml");
            if !is_mail || !letters.seen.insert(entry.file_name()) {
                continue;
            }
            let text = fs::read_to_string(path).expect("a mail");
            let line = |prefix| text.lines().find_map(|line| line.strip_prefix(prefix)).map(str::to_owned);
            letters.codes.insert(line("To: ").expect("an address"), line("Code: ").expect("a code"));
        }
        letters.codes.get(email).cloned()
    }

    pub(super) async fn wait(&self, email: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(code) = self.code(email) {
                return code;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the registration of {email} was acknowledged, and no mail came");
    }
}
