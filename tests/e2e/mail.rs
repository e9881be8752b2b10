//! Mail by a server: it leaves in the end, whatever the server does meanwhile, and what no waiting helps is told at the start.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    client::{self, Client},
    configuration::refusal,
    server::{PATIENCE, Server},
};

const EMAIL: &str = "jane@example.com";

/// A mail server that takes everything, and offers nothing.
struct Sink {
    port: u16,
    mails: Arc<Mutex<Vec<String>>>,
}

impl Sink {
    fn start(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&mails);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let taken = Arc::clone(&taken);
                // A client that hangs up ends its conversation.
                std::thread::spawn(move || converse(&stream, &taken).ok());
            }
        });
        Self { port, mails }
    }

    fn wait_for_mail(&self) -> String {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(mail) = self.mails.lock().expect("free").first() {
                return mail.clone();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("no mail came");
    }
}

fn converse(mut stream: &TcpStream, mails: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    stream.write_all(b"220 sink\r\n")?;
    while let Some(line) = lines.next() {
        let line = line?;
        if line.starts_with("DATA") {
            stream.write_all(b"354 go on\r\n")?;
            let mail: Result<Vec<_>, _> =
                lines.by_ref().take_while(|line| line.as_ref().map_or(true, |line| line != ".")).collect();
            mails.lock().expect("free").push(mail?.join("\n"));
        }
        stream.write_all(b"250 well\r\n")?;
    }
    Ok(())
}

async fn readiness(server: &Server) -> Value {
    let url = format!("{}/health/readiness", server.url());
    client::http().get(url).send().await.expect("an answer").json().await.expect("JSON")
}

fn mail_state(readiness: &Value) -> Option<&str> {
    let dependencies = readiness["dependencies"].as_array()?;
    dependencies.iter().find(|dependency| dependency["name"] == "mail")?["status"].as_str()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_waits_for_its_server_and_readiness_says_so() {
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let url = format!("smtp://127.0.0.1:{port}");
    let server = Server::start_with(&[("SMTP_URL", &url)]);
    let client = Client::of(&server);
    client.register(EMAIL).await.expect(201);
    let away = readiness(&server).await;
    assert_eq!((away["status"].as_str(), mail_state(&away)), (Some("degraded"), Some("down")), "{away:#}");

    let sink = Sink::start(port);
    let mail = sink.wait_for_mail();
    assert!(mail.contains("To: jane@example.com") && mail.contains("\nCode: "), "{mail}");
    assert!(mail.contains("multipart/alternative") && mail.contains("text/html"), "{mail}");
    let back = readiness(&server).await;
    assert_eq!((back["status"].as_str(), mail_state(&back)), (Some("up"), Some("up")), "{back:#}");
    assert!(!server.data().join("mail").exists(), "no file is written beside it");
}

#[test]
fn tls_that_is_asked_for_and_not_offered_ends_the_start() {
    let sink = Sink::start(0);
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("smtp://jane:qu1et@127.0.0.1:{}?tls=required", sink.port);
    let said = refusal(folder.path(), &[("SMTP_URL", &url)], &["serve"]);
    for words in ["SMTP_URL (environment)", "offers no STARTTLS", "?tls=none"] {
        assert!(said.contains(words), "{said}");
    }
    assert!(!said.contains("qu1et"), "{said}");
}
