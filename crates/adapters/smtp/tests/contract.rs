//! The contract of the `Mailer` port, kept by the mail folder.

use std::{fs, sync::Arc};

use async_trait::async_trait;
use mailparse::{MailHeaderMap, addrparse_header};
use portcullis_contract::{Delivered, MailerHarness};
use portcullis_domain::{
    port::Mailer,
    testing::{ManualClock, SeededEntropy},
};
use portcullis_smtp::MailFolder;
use tempfile::TempDir;

struct Harness {
    folder: TempDir,
    mailer: Arc<MailFolder>,
}

#[async_trait]
impl MailerHarness for Harness {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (clock, entropy) = (Arc::new(ManualClock::new()), Arc::new(SeededEntropy::new(1)));
        let from = "Portcullis <portcullis@localhost>";
        let mailer = MailFolder::open(folder.path(), from, clock, entropy).expect("opens");
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

fn read(eml: &[u8]) -> Delivered {
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
        text: mail.get_body().expect("a text"),
        headers: mail.headers.iter().map(mailparse::MailHeader::get_key).collect(),
    }
}

portcullis_contract::mailer_contract!(Harness);
