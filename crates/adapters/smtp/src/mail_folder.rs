use std::{
    fmt, fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use lettre::{address::AddressError, message::Mailbox};
use portcullis_domain::{
    port::{Clock, Entropy, Mail, MailError, Mailer},
    value::Email,
};
use thiserror::Error;
use tracing::info;

use crate::{
    file,
    message::{Way, compose, new_id},
};

/// Delivers mail into a folder, a file each, named `<time>-<id>.eml` so that they list in the order in which they were sent.
///
/// A file is for this user alone, since mails hold codes. It appears whole, and is on the disk when [`send`](Mailer::send)
/// returns.
pub struct MailFolder {
    folder: PathBuf,
    from: Mailbox,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// Mail cannot be delivered into this folder.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The sender is no mail address.
    #[error(
        "the mails' sender {0:?} is not a mail address such as portcullis@localhost or Portcullis <portcullis@localhost>"
    )]
    Sender(String, #[source] AddressError),
    /// The folder is not there and cannot be made.
    #[error("the mail folder {0} cannot be made")]
    Folder(PathBuf, #[source] io::Error),
}

impl MailFolder {
    /// Makes the folder where it is not there yet. `from` is the address that mails come from, with a name or bare.
    pub fn open(
        folder: impl Into<PathBuf>,
        from: &str,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, OpenError> {
        let folder = folder.into();
        let from = from.parse().map_err(|error| OpenError::Sender(from.to_owned(), error))?;
        match file::make_private_folder(&folder) {
            Ok(()) => Ok(Self { folder, from, clock, entropy }),
            Err(error) => Err(OpenError::Folder(folder, error)),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Deletes every mail to an address, in any letter case, from a folder of mails, and says how many there were. In a folder that is
    /// not there is none.
    pub fn forget(folder: &Path, address: &Email) -> io::Result<usize> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        let (wanted, mut forgotten) = (address.folded(), 0);
        for entry in entries {
            let path = entry?.path();
            let is_mail = path.extension().is_some_and(|ending| ending == "eml");
            if is_mail && recipient(&path)?.is_some_and(|to| Email::new(to).folded() == wanted) {
                fs::remove_file(&path)?;
                forgotten += 1;
            }
        }
        file::sync_folder(folder)?;
        Ok(forgotten)
    }
}

/// Whom a mail is to, by its header; nobody where it is gone by now.
fn recipient(path: &Path) -> io::Result<Option<String>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    for line in BufReader::new(file).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        if let Some(to) = line.strip_prefix("To: ") {
            return Ok(Some(to.trim_matches(['<', '>']).to_owned()));
        }
    }
    Ok(None)
}

#[async_trait]
impl Mailer for MailFolder {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let now = self.clock.now();
        let id = new_id(self.entropy.as_ref(), now);
        let message = compose(mail, &self.from, now, id, Way::File)?;
        let name = format!("{}-{id}.eml", now.format("%Y%m%dT%H%M%S%.6fZ"));
        let path = self.folder.join(&name);
        let folder = self.folder.clone();
        let written =
            tokio::task::spawn_blocking(move || file::write_new(&folder, &name, &message.formatted()));
        written.await.map_err(unavailable)?.map_err(unavailable)?;
        // The address masks itself; subject and text stay out of the log, since they may hold a code.
        info!(to = %mail.to, path = %path.display(), "mail written");
        Ok(())
    }
}

impl fmt::Debug for MailFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailFolder").field("folder", &self.folder).finish_non_exhaustive()
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> MailError {
    MailError::Unavailable(Box::new(error))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use portcullis_domain::testing::{ManualClock, SeededEntropy};
    use tempfile::TempDir;

    use super::*;

    struct Fixture {
        folder: TempDir,
        clock: Arc<ManualClock>,
        mailer: MailFolder,
    }

    fn fixture() -> Fixture {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::new());
        let entropy = Arc::new(SeededEntropy::new(1));
        let mailer =
            MailFolder::open(folder.path().join("mail"), "portcullis@localhost", clock.clone(), entropy)
                .expect("opens");
        Fixture { folder, clock, mailer }
    }

    fn mail(text: &str) -> Mail {
        Mail {
            to: Email::new("jane@example.com"),
            subject: "Verify your address".to_owned(),
            text: text.to_owned(),
            html: None,
        }
    }

    fn files(mailer: &MailFolder) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(mailer.path())
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        files.sort();
        files
    }

    #[tokio::test]
    async fn mails_are_files_that_list_in_the_order_they_were_sent() {
        let Fixture { clock, mailer, folder: _folder } = fixture();
        for number in 0..5 {
            mailer.send(&mail(&format!("number {number}"))).await.expect("sends");
            clock.advance(Duration::from_micros(999_999));
        }
        let files = files(&mailer);
        let name = files[0].file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(name.starts_with("20260131T080000.000000Z-019c"), "{name}");
        let texts: Vec<_> = files.iter().map(|path| fs::read_to_string(path).expect("reads")).collect();
        assert_eq!(texts.len(), 5);
        for (number, text) in texts.iter().enumerate() {
            assert!(text.ends_with(&format!("number {number}\r\n")), "{text}");
        }
    }

    #[tokio::test]
    async fn mails_of_one_moment_do_not_overwrite_each_other() {
        let Fixture { mailer, folder: _folder, .. } = fixture();
        let (one, other) = (mail("one"), mail("other"));
        let (one, other) = tokio::join!(mailer.send(&one), mailer.send(&other));
        assert!(one.is_ok() && other.is_ok());
        assert_eq!(files(&mailer).len(), 2);
    }

    /// `grep -ohE '\b[0-9]{6}\b'` on the file finds the code and nothing else.
    #[tokio::test]
    async fn the_code_is_the_only_word_of_six_digits_in_a_mail() {
        let Fixture { clock, mailer, folder: _folder } = fixture();
        for _ in 0..200 {
            mailer.send(&mail("Hello!\n\nCode: 123456\n")).await.expect("sends");
            clock.advance(Duration::from_micros(86_399_123_457));
        }
        for path in files(&mailer) {
            let eml = fs::read_to_string(path).expect("reads");
            let words = eml.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let codes: Vec<_> = words
                .filter(|word| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit()))
                .collect();
            assert_eq!(codes, ["123456"], "{eml}");
        }
    }

    #[tokio::test]
    async fn mails_to_an_address_are_forgotten_and_no_others() {
        let Fixture { mailer, folder, .. } = fixture();
        let to = |address: &str, text: &str| Mail { to: Email::new(address), ..mail(text) };
        for address in ["Jane@Example.com", "jane@example.com", "joe@example.com", "anna@пример.рф"] {
            mailer.send(&to(address, "text\nTo: jane@example.com\n")).await.expect("sends");
        }
        let others = mailer.path().join("notes.txt");
        fs::write(&others, "To: jane@example.com\n").expect("writes");
        let forget =
            |address: &str| MailFolder::forget(mailer.path(), &Email::new(address)).expect("forgets");
        assert_eq!(forget("nobody@example.com"), 0);
        assert_eq!((forget("JANE@example.com"), forget("jane@example.com")), (2, 0));
        assert_eq!((forget("ANNA@ПРИМЕР.рф"), forget("joe@example.com")), (1, 1));
        assert_eq!(files(&mailer), [others], "what is no mail stays");
        let path = mailer.path().to_owned();
        drop(folder);
        assert_eq!(MailFolder::forget(&path, &Email::new("jane@example.com")).expect("nothing is there"), 0);
    }

    #[tokio::test]
    async fn a_folder_that_is_gone_makes_mail_unavailable() {
        let Fixture { mailer, folder, .. } = fixture();
        drop(folder);
        let sent = mailer.send(&mail("text")).await;
        assert!(matches!(sent, Err(MailError::Unavailable(_))), "{sent:?}");
    }

    #[test]
    fn a_sender_that_is_no_address_is_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        for from in ["", "portcullis", "a@b@c", "Portcullis <>"] {
            let opened = MailFolder::open(
                folder.path().join("mail"),
                from,
                Arc::new(ManualClock::new()),
                Arc::new(SeededEntropy::new(1)),
            );
            assert!(matches!(opened, Err(OpenError::Sender(..))), "{from:?}: {opened:?}");
        }
        assert!(!folder.path().join("mail").exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("writes");
        let clock = Arc::new(ManualClock::new());
        let opened = MailFolder::open(file.join("mail"), "a@b", clock, Arc::new(SeededEntropy::new(1)));
        let error = opened.expect_err("a file is no folder").to_string();
        assert_eq!(error, format!("the mail folder {} cannot be made", file.join("mail").display()));
    }
}
