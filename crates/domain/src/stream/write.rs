//! What the use cases that write on a stream share: the stream as they find it, and the commit of what they decided.

use super::{ReachedStream, StreamEvent, StreamState, Subject, WriteReachError};
use crate::{
    caller::{Caller, PermissionDenied},
    commit::{Commit, CommitError, Committed, RowChange},
    event::{StreamKind, Version},
    id::{CompanyId, StreamId, UserId},
    identity::{Act, CompanyDecision, Decision, Identity},
    port::{StoreError, StreamHead},
    seal::DataKey,
    stream::ReachError,
};

/// A stream as a writer finds it. The state was read after the subject, so that the subject's version guards it.
pub(super) struct Found {
    pub(super) head: StreamHead,
    /// `None` of somebody who was erased.
    pub(super) subject: Option<Subject>,
    pub(super) state: StreamState,
}

impl Found {
    /// The version that whoever decides on it expects.
    pub(super) fn version(&self) -> Version {
        self.subject.as_ref().map_or(self.head.version, Subject::version)
    }

    /// Whether clients may write on it.
    pub(super) fn is_active(&self) -> bool {
        self.state.is_active && self.subject.is_some()
    }
}

/// Why a caller does not write on a stream, before it is known what they would write.
pub(super) enum FindError {
    NotFound,
    Denied(PermissionDenied),
    Store(StoreError),
}

impl From<WriteReachError> for FindError {
    fn from(error: WriteReachError) -> Self {
        match error {
            WriteReachError::Reach(ReachError::NotFound) => Self::NotFound,
            WriteReachError::Reach(ReachError::Store(error)) => Self::Store(error),
            WriteReachError::Denied(denied) => Self::Denied(denied),
        }
    }
}

impl From<StoreError> for FindError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The failures that every use case has that writes on a stream.
macro_rules! from_find_error {
    ($($error:ty),+) => {$(
        impl From<$crate::stream::write::FindError> for $error {
            fn from(error: $crate::stream::write::FindError) -> Self {
                match error {
                    $crate::stream::write::FindError::NotFound => Self::NotFound,
                    $crate::stream::write::FindError::Denied(denied) => Self::Denied(denied),
                    $crate::stream::write::FindError::Store(error) => Self::Store(error),
                }
            }
        }
    )+};
}
pub(super) use from_find_error;

impl Identity {
    /// A stream that the caller may write on, as it is.
    pub(super) async fn find_to_write(
        &self,
        caller: &Caller,
        stream: StreamId,
    ) -> Result<(ReachedStream, Found), FindError> {
        let reached = self.reach_to_write(caller, stream).await?;
        let found = self.find_stream(reached.head).await?;
        Ok((reached, found))
    }

    pub(super) async fn find_stream(&self, head: StreamHead) -> Result<Found, StoreError> {
        let ports = self.ports();
        let subject = match head.kind {
            StreamKind::User => {
                let user = ports.users.find(UserId::new(head.stream.into())).await?;
                user.map(|user| Subject::User(Box::new(user)))
            }
            StreamKind::Company => {
                let company = ports.companies.find(CompanyId::new(head.stream.into())).await?;
                company.map(|company| Subject::Company(Box::new(company)))
            }
            // No client writes on a feature's stream.
            StreamKind::Feature => None,
        };
        let state = ports.streams.find_state(head.stream).await?;
        let state = state.unwrap_or_else(|| StreamState::new(head.stream, head.kind));
        Ok(Found { head, subject, state })
    }

    /// The key that what is on a stream is sealed with.
    pub(super) async fn key_of_subject(&self, subject: &Subject) -> Result<DataKey, StoreError> {
        match subject {
            Subject::User(user) => self.data_key_of(user).await,
            Subject::Company(company) => self.company_key(company.id).await,
        }
    }

    /// Commits events of a stream itself; returns them as stored, and its state after them.
    pub(super) async fn commit_on_stream(
        &self,
        mut commit: Commit,
        subject: &Subject,
        key: &DataKey,
        act: &Act<'_>,
        state: &StreamState,
        events: &[StreamEvent],
    ) -> Result<(Committed, StreamState), CommitError> {
        let after = events.iter().fold(state.clone(), StreamState::apply);
        if events.iter().any(StreamEvent::changes_state) {
            commit.rows.push(RowChange::PutStreamState(after.clone()));
        }
        match subject {
            Subject::User(user) => {
                let events = events.iter().cloned().map(crate::user::UserEvent::OfStream).collect();
                let decision = Decision { events, rows: Vec::new() };
                self.stage(&mut commit, user.id, Some(user), key, act, decision);
            }
            Subject::Company(company) => {
                let events = events.iter().cloned().map(crate::company::CompanyEvent::OfStream).collect();
                let decision = CompanyDecision { events, rows: Vec::new() };
                self.stage_company(&mut commit, company.id, Some(company), key, act, decision);
            }
        }
        Ok((self.ports().events.commit(commit).await?, after))
    }
}
