//! What the law gives a person over what is held on them: a copy of all of it, and its erasure.

mod erase;
mod export;

pub use erase::{EraseError, EraseSelfError, EraseUserError, Erased};
pub use export::{Export, ExportError, ExportedEvent, ExportedSnapshot};
