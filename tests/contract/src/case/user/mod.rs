mod find;
mod list;
mod page;

pub use find::*;
pub use list::*;
pub use page::*;
