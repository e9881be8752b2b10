use std::collections::{HashMap, hash_map::Entry};

use serde::{Deserialize, Serialize};

use super::{Fold, RejectedSnapshot, Snapshot, SnapshotFault, StreamError};
use crate::{
    audit::{Accessed, Auditor, Finding},
    caller::{Caller, Origin},
    event::{Actor, Event, Version},
    id::{StreamId, SubjectId},
    identity::Identity,
    port::{StoreError, StreamHead},
    seal::DataKey,
};

/// How many events are read at a time.
const PAGE: usize = 1_000;
/// How many snapshots are checked: more than are ever kept.
const SNAPSHOTS: usize = 100;

/// A page of who did what to a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditPage {
    /// What was done, oldest first.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins; `None` when this was the last.
    pub next: Option<AuditCursor>,
    /// What a check of the whole stream found; on the first page alone, since it reads all of it.
    pub check: Option<StreamCheck>,
}

/// What somebody did.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// The event.
    pub event: Event,
    /// Where they were, if that is for the reader and is not gone.
    pub origin: Option<Origin>,
}

/// A place in an audit: after a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditCursor(Version);

/// What a check of a whole stream found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamCheck {
    /// Events before them that were moved into an archive.
    pub archived: u64,
    /// Events that hold together, from the first on that is there.
    pub events: u64,
    /// The first thing that does not; `None` where all does.
    pub finding: Option<Finding>,
    /// Snapshots that are what the events before them add up to.
    pub snapshots: usize,
    /// Those that are not: to be reported.
    pub rejected: Vec<RejectedSnapshot>,
}

/// Data keys by whom they are of, each looked for once.
#[derive(Default)]
struct Keys(HashMap<SubjectId, Option<DataKey>>);

impl Keys {
    async fn find(
        &mut self,
        identity: &Identity,
        subject: SubjectId,
    ) -> Result<Option<&DataKey>, StoreError> {
        let key = match self.0.entry(subject) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(identity.data_key(subject).await?),
        };
        Ok(key.as_ref())
    }
}

impl Identity {
    /// A page of who did what to a stream, when, and from where as far as that is for the caller. Whose whereabouts are shown, of others, is recorded
    /// before.
    pub async fn audit_stream(
        &self,
        caller: &Caller,
        stream: StreamId,
        after: Option<AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, StreamError> {
        let reached = self.reach_stream(caller, stream).await?;
        let from = after.map_or(0, |AuditCursor(version)| version);
        let mut events = self.ports().events.read_stream(stream, from, limit + 1).await?;
        let has_more = events.len() > limit;
        events.truncate(limit);
        let next = events.last().filter(|_| has_more).map(|event| AuditCursor(event.version));
        let key = self.data_key(uuid::Uuid::from(stream).into()).await?;
        let (mut entries, mut keys, mut seen) =
            (Vec::with_capacity(events.len()), Keys::default(), Vec::new());
        for event in events {
            let actor = event.event.actor;
            let mut origin = None;
            if reached.sight.opens_origin_of(caller, actor) {
                let actor_key = match actor {
                    Actor::User(id) if id != *stream.as_uuid() => keys.find(self, id.into()).await?,
                    Actor::User(_) | Actor::ApiKey(_) | Actor::System => None,
                };
                origin = event.event.open_origin(key.as_ref(), actor_key).map_err(StoreError::corrupt)?;
            }
            if let (Some(_), Actor::User(id)) = (&origin, actor) {
                seen.push(StreamId::new(id));
            }
            entries.push(AuditEntry { event, origin });
        }
        seen.sort_unstable();
        seen.dedup();
        self.note_accesses(caller, seen, Accessed::Stream).await?;
        let check = match after {
            None => Some(self.check_stream(&reached.head, key.as_ref()).await?),
            Some(_) => None,
        };
        Ok(AuditPage { entries, next, check })
    }

    /// Checks a whole stream, for tools too: that its events hold together, and that each snapshot is what the events add up to from the first on.
    pub async fn check_stream(
        &self,
        head: &StreamHead,
        key: Option<&DataKey>,
    ) -> Result<StreamCheck, StoreError> {
        let (stream, events) = (head.stream, &self.ports().events);
        let mut snapshots: HashMap<Version, Vec<Snapshot>> = HashMap::new();
        for snapshot in self.ports().streams.list_snapshots(stream, SNAPSHOTS).await? {
            snapshots.entry(snapshot.version).or_default().push(snapshot);
        }
        let (mut check, mut auditor) = (StreamCheck::default(), Auditor::default());
        let base = self.ports().retention.find_base(stream).await?;
        let mut version = base.as_ref().map_or(0, |base| base.version);
        if let Some(base) = &base {
            auditor.begin_at(&base.mark());
            check.archived = base.version;
        }
        snapshots.retain(|at, _| *at > version);
        let mut fold = self.beginning_of(stream, head.kind, key).await.ok();
        'reading: loop {
            let page = events.read_stream(stream, version, PAGE).await?;
            if page.is_empty() {
                break;
            }
            for event in &page {
                if let Err(finding) = auditor.check(event) {
                    check.finding = Some(finding);
                    break 'reading;
                }
                check.events += 1;
                version = event.version;
                // What does not read is for whoever reads it to tell; its hash is right.
                fold = fold.and_then(|fold| fold.apply(event, key).ok());
                let at_version = snapshots.remove(&event.version).unwrap_or_default();
                self.check_snapshots(at_version, fold.as_ref(), key, &mut check).await?;
            }
        }
        if check.finding.is_none() {
            let head = events.head(stream).await?;
            check.finding = auditor.check_head(stream, head.as_ref()).err();
        }
        // Of versions that there are not, or that nobody can tell any more.
        let others = snapshots.into_values().flatten();
        check.rejected.extend(others.map(|snapshot| snapshot.rejected(SnapshotFault::NotInLog)));
        check.rejected.sort_by_key(|rejected| (rejected.version, rejected.snapshot));
        Ok(check)
    }

    async fn check_snapshots(
        &self,
        snapshots: Vec<Snapshot>,
        fold: Option<&Fold>,
        key: Option<&DataKey>,
        check: &mut StreamCheck,
    ) -> Result<(), StoreError> {
        for snapshot in snapshots {
            let (Some(fold), Some(key)) = (fold, key) else {
                check.rejected.push(snapshot.rejected(SnapshotFault::Unreadable));
                continue;
            };
            match self.open_snapshot(&snapshot, fold.kind, key).await? {
                Ok(held) if held == *fold => check.snapshots += 1,
                Ok(_) => check.rejected.push(snapshot.rejected(SnapshotFault::FalseState)),
                Err(fault) => check.rejected.push(snapshot.rejected(fault)),
            }
        }
        Ok(())
    }
}
