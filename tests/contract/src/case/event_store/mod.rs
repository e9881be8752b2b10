mod atomicity;
mod chain;
mod claim;
mod feed;
mod round_trip;
mod version;
mod visibility;
mod wait;

pub use atomicity::*;
pub use chain::*;
pub use claim::*;
pub use feed::*;
pub use round_trip::*;
pub use version::*;
pub use visibility::*;
pub use wait::*;
