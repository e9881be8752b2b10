use std::{path::PathBuf, time::Duration};

use portcullis_domain::privacy::Erased;
use portcullis_smtp::MailFolder;

use crate::causes::chain;

/// How long a mail may take from its making into its file.
const ON_ITS_WAY: Duration = Duration::from_secs(5);

/// The mails that were written to files here: copies of what is the recipient's, which no recipient ever fetches.
#[derive(Clone)]
pub(crate) struct MailCopies {
    pub(crate) folder: PathBuf,
}

impl MailCopies {
    /// Deletes those to somebody who was erased, and a while later what was on its way meanwhile. They are erased whether that succeeds
    /// or not.
    pub(crate) async fn forget(&self, erased: Erased) {
        self.delete(&erased).await;
        let copies = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(ON_ITS_WAY).await;
            copies.delete(&erased).await;
        });
    }

    async fn delete(&self, Erased { email }: &Erased) {
        let (folder, email) = (self.folder.clone(), email.clone());
        let deleting = tokio::task::spawn_blocking(move || MailFolder::forget(&folder, &email));
        let outcome = deleting.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        if let Err(error) = outcome {
            let folder = self.folder.display();
            tracing::error!("mails to somebody who was erased are still in {folder}: {}", chain(&error));
        }
    }
}
