//! Mail. [`Smtp`] hands it to a server; [`MailFolder`] writes each mail as an `.eml` file, which any mail program opens and `grep`
//! reads, so that nobody needs a mail server to try the service.

mod file;
mod mail_folder;
mod message;
mod smtp;

pub use mail_folder::{MailFolder, OpenError};
pub use smtp::{CheckError, Options, SetUpError, Smtp, UrlError};
