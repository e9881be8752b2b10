use thiserror::Error;

use crate::{
    api_key::{ApiKey, Principal},
    audit::Access,
    caller::{Caller, Origin},
    company::Membership,
    event::{Actor, Event, StreamKind, Version},
    identity::Identity,
    port::StoreError,
    seal::DataKey,
    session::{LoginAttempt, Session},
    stream::{Snapshot, StreamState},
    user::User,
};

/// How many lines of a history are read at a time.
const PAGE: usize = 500;

/// Everything held on a person, but for their events, which [`Identity::export_events`] gives page by page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The account.
    pub user: User,
    /// Their company.
    pub membership: Option<Membership>,
    /// Their sessions.
    pub sessions: Vec<Session>,
    /// Their API keys, which a copy shows without what opens them.
    pub api_keys: Vec<ApiKey>,
    /// Attempts to sign in to their account, newest first.
    pub login_history: Vec<LoginAttempt>,
    /// Who looked at their data, newest first.
    pub accesses: Vec<Access>,
    /// What is noted about their stream, if anything ever was.
    pub stream: Option<StreamState>,
    /// Snapshots of their account, newest first, opened where they open.
    pub snapshots: Vec<ExportedSnapshot>,
}

/// A snapshot of a person's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedSnapshot {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The account as it was; `None` of a snapshot that is not believed.
    pub state: Option<serde_json::Value>,
}

/// An event of a person's stream, opened.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportedEvent {
    /// The event.
    pub event: Event,
    /// What it says of the person, if anything.
    pub facts: Option<serde_json::Value>,
    /// Where the person was; where somebody else was is theirs.
    pub origin: Option<Origin>,
}

/// Why nothing was exported.
#[derive(Debug, Error)]
pub enum ExportError {
    /// There is no such account (any more).
    #[error("no such user")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Identity {
    /// Everything held on the caller.
    pub async fn export(&self, caller: &Caller) -> Result<Export, ExportError> {
        let ports = self.ports();
        let user = ports.users.find(caller.user).await?.ok_or(ExportError::NotFound)?;
        let mut login_history = Vec::new();
        loop {
            let after = login_history.last().map(|attempt: &LoginAttempt| attempt.id);
            let page = ports.login_history.list_by_user(user.id, after, PAGE).await?;
            let is_last = page.len() < PAGE;
            login_history.extend(page);
            if is_last {
                break;
            }
        }
        let mut accesses = Vec::new();
        loop {
            let after = accesses.last().map(|access: &Access| access.id);
            let page = ports.accesses.list_by_stream(user.stream(), after, PAGE).await?;
            let is_last = page.len() < PAGE;
            accesses.extend(page);
            if is_last {
                break;
            }
        }
        Ok(Export {
            membership: ports.members.find(user.id).await?,
            sessions: ports.sessions.list_by_user(user.id).await?,
            api_keys: ports.api_keys.list_by_owner(Principal::User(user.id)).await?,
            login_history,
            accesses,
            stream: ports.streams.find_state(user.stream()).await?,
            snapshots: self.export_snapshots(&user).await?,
            user,
        })
    }

    async fn export_snapshots(&self, user: &User) -> Result<Vec<ExportedSnapshot>, ExportError> {
        let key = self.data_key(user.id.into()).await?.ok_or(ExportError::NotFound)?;
        let mut exported = Vec::new();
        for snapshot in self.ports().streams.list_snapshots(user.stream(), PAGE).await? {
            let fold = self.open_snapshot(&snapshot, StreamKind::User, &key).await?;
            exported.push(ExportedSnapshot { state: fold.ok().and_then(|fold| fold.to_json()), snapshot });
        }
        Ok(exported)
    }

    /// The next page of the caller's events above a version, in order; empty at the end.
    pub async fn export_events(
        &self,
        caller: &Caller,
        after: Version,
    ) -> Result<Vec<ExportedEvent>, ExportError> {
        let key = self.data_key(caller.user.into()).await?.ok_or(ExportError::NotFound)?;
        let events = self.ports().events.read_stream(caller.user.into(), after, PAGE).await?;
        events.into_iter().map(|event| open(event, caller, &key)).collect()
    }
}

fn open(event: Event, caller: &Caller, key: &DataKey) -> Result<ExportedEvent, ExportError> {
    let is_own = event.event.actor == Actor::User(caller.user.into());
    let facts = event.event.open_facts(Some(key)).map_err(StoreError::corrupt)?;
    let origin = event.event.open_origin(Some(key), None).map_err(StoreError::corrupt)?;
    Ok(ExportedEvent { event, facts, origin: origin.filter(|_| is_own) })
}
