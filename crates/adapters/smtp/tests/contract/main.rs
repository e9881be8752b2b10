//! The contract of the `Mailer` port, kept by the mail folder and by the sender to a server.

mod delivery;
mod server;

use std::{fs, sync::Arc};

use async_trait::async_trait;
use portcullis_contract::{Delivered, MailerHarness};
use portcullis_domain::{
    port::Mailer,
    testing::{ManualClock, SeededEntropy},
};
use portcullis_smtp::{MailFolder, Smtp};
use server::{FROM, Manners, Server, read};
use tempfile::TempDir;

struct Folder {
    folder: TempDir,
    mailer: Arc<MailFolder>,
}

#[async_trait]
impl MailerHarness for Folder {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (clock, entropy) = (Arc::new(ManualClock::new()), Arc::new(SeededEntropy::new(1)));
        let mailer = MailFolder::open(folder.path(), FROM, clock, entropy).expect("opens");
        Self { folder, mailer: Arc::new(mailer) }
    }

    fn mailer(&self) -> Arc<dyn Mailer> {
        self.mailer.clone()
    }

    async fn delivered(&self) -> Vec<Delivered> {
        let entries = fs::read_dir(self.folder.path()).expect("a folder");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        paths.iter().map(|path| read(&fs::read(path).expect("reads"))).collect()
    }
}

/// A server that offers nothing beyond RFC 5321: what arrives there arrives everywhere.
struct Plain {
    server: Server,
    mailer: Arc<Smtp>,
}

#[async_trait]
impl MailerHarness for Plain {
    async fn start() -> Self {
        let server = Server::start(Manners::default()).await;
        let mailer = Arc::new(server.mailer());
        Self { server, mailer }
    }

    fn mailer(&self) -> Arc<dyn Mailer> {
        self.mailer.clone()
    }

    async fn delivered(&self) -> Vec<Delivered> {
        self.server.taken().iter().map(|taken| read(&taken.mail)).collect()
    }
}

mod into_a_folder {
    use super::*;

    portcullis_contract::mailer_contract!(Folder);
}

mod to_a_server {
    use super::*;

    portcullis_contract::mailer_contract!(Plain);
}
