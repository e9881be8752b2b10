//! A mail server of the tests' own: as much of RFC 5321 as a client needs, and the ways in which servers refuse.

use std::sync::{Arc, Mutex};

use mailparse::{MailHeaderMap, ParsedMail, addrparse_header};
use portcullis_contract::Delivered;
use portcullis_domain::testing::{ManualClock, SeededEntropy};
use portcullis_smtp::{Options, Smtp};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

pub(crate) const FROM: &str = "Portcullis <portcullis@localhost>";

/// What the server is like.
#[derive(Clone, Default)]
pub(crate) struct Manners {
    /// The certificate it shows; without one it knows no TLS.
    pub(crate) identity: Option<Identity>,
    /// Whether TLS begins with the first byte.
    pub(crate) wrapped: bool,
    /// Who may send.
    pub(crate) login: Option<(&'static str, &'static str)>,
    /// What it says instead of the usual to a command that begins so.
    pub(crate) says: Vec<(&'static str, &'static str)>,
    /// Says nothing once this command came.
    pub(crate) silent_at: Option<&'static str>,
    /// What it offers besides.
    pub(crate) offers: Vec<&'static str>,
}

/// A certificate for `localhost` that signs itself.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) pem: String,
    acceptor: TlsAcceptor,
}

/// A mail as it was handed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) mail: Vec<u8>,
    pub(crate) encrypted: bool,
    pub(crate) user: Option<String>,
    /// The number of the connection it came over.
    pub(crate) connection: usize,
}

pub(crate) struct Server {
    pub(crate) port: u16,
    taken: Arc<Mutex<Vec<Taken>>>,
    task: JoinHandle<()>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Identity {
    pub(crate) fn new() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a pair");
        Self { pem: cert.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) }
    }
}

impl Server {
    pub(crate) async fn start(manners: Manners) -> Self {
        Self::start_at(0, manners).await
    }

    pub(crate) async fn start_at(port: u16, manners: Manners) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let taken = Arc::default();
        let task = tokio::spawn(serve(listener, manners, Arc::clone(&taken)));
        Self { port, taken, task }
    }

    /// Every mail that was taken over, oldest first.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().expect("free").clone()
    }

    /// A sender to it, with few seconds of patience.
    pub(crate) fn mailer(&self) -> Smtp {
        mailer(&format!("smtp://127.0.0.1:{}", self.port))
    }

    /// It is gone, with its port.
    pub(crate) async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

pub(crate) fn mailer(url: &str) -> Smtp {
    let (clock, entropy) = (Arc::new(ManualClock::new()), Arc::new(SeededEntropy::new(1)));
    let options = Options { deadline: std::time::Duration::from_secs(3), ..Options::default() };
    Smtp::new(url, FROM, clock, entropy, options).expect("a sender")
}

async fn serve(listener: TcpListener, manners: Manners, taken: Arc<Mutex<Vec<Taken>>>) {
    let mut conversations = tokio::task::JoinSet::new();
    for connection in 1.. {
        let (stream, _) = listener.accept().await.expect("a client");
        let (manners, taken) = (manners.clone(), Arc::clone(&taken));
        conversations.spawn(async move {
            // A client that hangs up ends its conversation, and nothing else.
            let _ = converse(stream, &manners, &taken, connection).await;
        });
    }
}

async fn converse(
    stream: TcpStream,
    manners: &Manners,
    taken: &Mutex<Vec<Taken>>,
    connection: usize,
) -> std::io::Result<()> {
    let mut mail = Taken { connection, ..Taken::default() };
    let mut stream: BufReader<Box<dyn Stream>> = BufReader::new(Box::new(stream));
    if manners.wrapped {
        stream = encrypted(stream, manners).await?;
        mail.encrypted = true;
    }
    stream.write_all(b"220 test\r\n").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let command = line.trim_end();
        if manners.silent_at.is_some_and(|silent| command.starts_with(silent)) {
            std::future::pending::<()>().await;
        }
        if let Some((_, says)) = manners.says.iter().find(|(start, _)| command.starts_with(start)) {
            stream.write_all(format!("{says}\r\n").as_bytes()).await?;
            continue;
        }
        let is_refused = manners.login.is_some() && mail.user.is_none();
        let reply = match command.split_once([' ', ':']).map_or(command, |(verb, _)| verb) {
            "EHLO" => greeting(manners, mail.encrypted),
            "STARTTLS" => {
                stream.write_all(b"220 go on\r\n").await?;
                stream = encrypted(stream, manners).await?;
                mail.encrypted = true;
                continue;
            }
            "AUTH" => match signed_in(command, manners) {
                Some(user) => {
                    mail.user = Some(user);
                    "235 in\r\n".to_owned()
                }
                None => "535 5.7.8 no such user\r\n".to_owned(),
            },
            "MAIL" if is_refused => "530 5.7.0 sign in first\r\n".to_owned(),
            "MAIL" => {
                mail.from = between(command, '<', '>');
                mail.to.clear();
                "250 ok\r\n".to_owned()
            }
            "RCPT" => {
                mail.to.push(between(command, '<', '>'));
                "250 ok\r\n".to_owned()
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                mail.mail = data(&mut stream).await?;
                taken.lock().expect("free").push(mail.clone());
                "250 taken\r\n".to_owned()
            }
            "NOOP" | "RSET" => "250 ok\r\n".to_owned(),
            "QUIT" => return stream.write_all(b"221 bye\r\n").await,
            _ => "500 what?\r\n".to_owned(),
        };
        stream.write_all(reply.as_bytes()).await?;
    }
}

fn greeting(manners: &Manners, encrypted: bool) -> String {
    let mut lines = vec!["test", "PIPELINING"];
    lines.extend((manners.identity.is_some() && !encrypted).then_some("STARTTLS"));
    lines.extend(manners.login.map(|_| "AUTH PLAIN"));
    lines.extend(&manners.offers);
    let last = lines.pop().expect("the first");
    format!("250-{}\r\n250 {last}\r\n", lines.join("\r\n250-"))
}

/// The user of `AUTH PLAIN` whose password is right.
fn signed_in(command: &str, manners: &Manners) -> Option<String> {
    let (user, password) = manners.login?;
    let token = command.strip_prefix("AUTH PLAIN ")?;
    let bytes = data_encoding::BASE64.decode(token.as_bytes()).ok()?;
    (bytes == format!("\0{user}\0{password}").into_bytes()).then(|| user.to_owned())
}

/// What lies between a command of data and the dot, with its own dots undone.
async fn data(stream: &mut BufReader<Box<dyn Stream>>) -> std::io::Result<Vec<u8>> {
    let mut mail = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        assert!(line.len() <= 1000, "a line of {} bytes", line.len());
        match line.as_slice() {
            b".\r\n" => return Ok(mail),
            [b'.', rest @ ..] => mail.extend_from_slice(rest),
            line => mail.extend_from_slice(line),
        }
    }
}

async fn encrypted(
    stream: BufReader<Box<dyn Stream>>,
    manners: &Manners,
) -> std::io::Result<BufReader<Box<dyn Stream>>> {
    assert!(stream.buffer().is_empty(), "nothing may be said before TLS is there");
    let acceptor = &manners.identity.as_ref().expect("a server with TLS").acceptor;
    Ok(BufReader::new(Box::new(acceptor.accept(stream.into_inner()).await?)))
}

fn between(text: &str, start: char, end: char) -> String {
    let (_, after) = text.split_once(start).expect("an address in brackets");
    after.split_once(end).expect("an address in brackets").0.to_owned()
}

/// A mail as its reader sees it.
pub(crate) fn read(eml: &[u8]) -> Delivered {
    let mail = mailparse::parse_mail(eml).expect("a mail");
    let to = mail.headers.get_all_headers("To");
    let to = to.iter().flat_map(|header| addrparse_header(header).expect("addresses").into_inner());
    Delivered {
        to: to
            .map(|address| match address {
                mailparse::MailAddr::Single(address) => address.addr,
                mailparse::MailAddr::Group(group) => panic!("a group: {group}"),
            })
            .collect(),
        subject: mail.headers.get_first_value("Subject").expect("a subject"),
        text: part(&mail, "text/plain").expect("a text"),
        html: part(&mail, "text/html"),
        headers: mail.headers.iter().map(mailparse::MailHeader::get_key).collect(),
    }
}

fn part(mail: &ParsedMail<'_>, kind: &str) -> Option<String> {
    if mail.ctype.mimetype == kind {
        return Some(mail.get_body().expect("a text"));
    }
    mail.subparts.iter().find_map(|sub| part(sub, kind))
}
