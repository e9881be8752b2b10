mod find;
mod list;

pub use find::*;
pub use list::*;
