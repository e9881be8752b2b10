//! Mail. For now into files: [`MailFolder`] writes each mail as an `.eml` file, which any mail program opens and `grep` reads,
//! so that nobody needs a mail server to try the service.

mod file;
mod mail_folder;
mod message;

pub use mail_folder::{MailFolder, OpenError};
