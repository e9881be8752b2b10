//! What the log says of a mail. In a process of its own: which log lines are wanted is a setting of the whole process.

use std::{
    fs, io,
    sync::{Arc, Mutex},
};

use portcullis_domain::{
    port::{Mail, Mailer},
    testing::{ManualClock, SeededEntropy},
    value::Email,
};
use portcullis_smtp::MailFolder;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("free").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_log_says_where_the_mail_is_and_nothing_of_what_it_says() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .init();
    let folder = tempfile::tempdir().expect("a folder");
    let (clock, entropy) = (Arc::new(ManualClock::new()), Arc::new(SeededEntropy::new(1)));
    let mailer = MailFolder::open(folder.path(), "portcullis@localhost", clock, entropy).expect("opens");
    let mail = Mail {
        to: Email::new("jane@example.com"),
        subject: "Code 654321".to_owned(),
        text: "Code: 123456".to_owned(),
        html: Some("<p>Code: 123456</p>".to_owned()),
    };
    mailer.send(&mail).await.expect("sends");
    let file = fs::read_dir(folder.path()).expect("a folder").next().expect("a file").expect("an entry");
    let log = String::from_utf8(log.0.lock().expect("free").clone()).expect("text");
    assert!(log.contains(" INFO "), "{log}");
    assert!(log.contains(&file.path().display().to_string()), "{log}");
    assert!(log.contains("j***@example.com"), "{log}");
    for secret in ["123456", "654321", "jane", "Code"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
