use chrono::{DateTime, Utc};

use crate::{
    caller::named,
    event::Actor,
    id::{AccessId, StreamId},
};

named! {
    /// What of somebody's data was looked at.
    Accessed {
        /// The account.
        Profile = "profile",
        /// The account, among others in a list.
        Listing = "listing",
        /// The sessions.
        Sessions = "sessions",
        /// The login history.
        LoginHistory = "login_history",
    }
}

/// That somebody looked at another's personal data: who, when and what, by ids alone. Written before the data is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Which; ids are in the order of time.
    pub id: AccessId,
    /// Whose data, by their stream.
    pub stream: StreamId,
    /// Who looked.
    pub actor: Actor,
    /// At what.
    pub what: Accessed,
    /// When.
    pub at: DateTime<Utc>,
}
