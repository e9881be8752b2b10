use chrono::{DateTime, Utc};

use crate::{
    caller::{Caller, named},
    commit::{Commit, CommitError, RowChange},
    event::Actor,
    id::{AccessId, StreamId},
    identity::Identity,
    port::StoreError,
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
        /// The history of their stream, opened, or what it adds up to.
        Stream = "stream",
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

impl Identity {
    /// Records that a caller is about to be shown the personal data of others, in one commit; called before it is shown. A look at
    /// oneself is not recorded.
    pub(crate) async fn note_accesses(
        &self,
        caller: &Caller,
        streams: impl IntoIterator<Item = StreamId> + Send,
        what: Accessed,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let notes = streams.into_iter().filter_map(|stream| self.access(caller, stream, what, now));
        let rows: Vec<_> = notes.collect();
        if rows.is_empty() {
            return Ok(());
        }
        match self.ports().events.commit(Commit { rows, ..Commit::default() }).await {
            Ok(_) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
            // Nothing is expected of a stream and no key is claimed.
            Err(error) => Err(StoreError::corrupt(error)),
        }
    }

    /// The note of one look, for a commit that does more; `None` for a look at oneself.
    pub(crate) fn access(
        &self,
        caller: &Caller,
        stream: StreamId,
        what: Accessed,
        at: DateTime<Utc>,
    ) -> Option<RowChange> {
        if stream == caller.user.into() {
            return None;
        }
        let id = self.new_id(at);
        Some(RowChange::PutAccess(Access { id, stream, actor: caller.actor(), what, at }))
    }
}
