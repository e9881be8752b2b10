use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use serde::{Deserialize, Serialize};

use super::{Fold, RejectedSnapshot, Snapshot, SnapshotFault, StreamError};
use crate::{
    audit::{Accessed, Auditor, Evidence, Finding, Reason, Testimony, Witness},
    caller::{Caller, Origin},
    event::{Actor, Event, Version},
    id::{StreamId, SubjectId},
    identity::Identity,
    port::{StoreError, StreamHead},
    retention::StreamBase,
    seal::DataKey,
};

/// How many events the first page checks: most streams have fewer, and what lies beyond is checked with the pages that list it.
pub const CHECKED: usize = 1_000;
/// How many snapshots are checked: more than are ever kept.
const SNAPSHOTS: usize = 100;

/// A page of who did what to a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditPage {
    /// What was done, oldest first.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins; `None` when this was the last.
    pub next: Option<AuditCursor>,
    /// What a check found: on the first page of the first [`CHECKED`] events, on the others of the page's own.
    pub check: StreamCheck,
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

/// What a check of a stream found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamCheck {
    /// Events that were moved into an archive, and are not checked here.
    pub archived: u64,
    /// The version from which on it was checked.
    pub from: Version,
    /// Events that hold together, from there on.
    pub events: u64,
    /// Whether these are all that there are, but for those in an archive.
    pub is_whole: bool,
    /// The first thing that is not as it was written; `None` where all is.
    pub finding: Option<Finding>,
    /// The newest checkpoint that covers one of them, and with it those before that.
    pub witness: Option<Witness>,
    /// Snapshots that are what the events before them add up to.
    pub snapshots: usize,
    /// Those that are not: to be reported.
    pub rejected: Vec<RejectedSnapshot>,
}

impl StreamCheck {
    /// Whether nothing speaks against the events.
    pub fn is_sound(&self) -> bool {
        self.finding.is_none() && self.witness.as_ref().is_none_or(|witness| witness.fault.is_none())
    }
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
    /// before. Each page is checked, against the evidence too.
    pub async fn audit_stream(
        &self,
        caller: &Caller,
        stream: StreamId,
        after: Option<AuditCursor>,
        limit: usize,
        evidence: Evidence<'_>,
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
        // From the event before the page on: what comes must follow it.
        let range = after.map_or((1, CHECKED), |AuditCursor(version)| (version.max(1), limit + 1));
        let check = self.check_stream(&reached.head, key.as_ref(), range, evidence).await?;
        Ok(AuditPage { entries, next, check })
    }

    /// Checks events of a stream from a version on, so many at most: that they hold together, that they are what the checkpoints saw, and, from the
    /// first on, that each snapshot is what the events add up to.
    pub async fn check_stream(
        &self,
        head: &StreamHead,
        key: Option<&DataKey>,
        range: (Version, usize),
        evidence: Evidence<'_>,
    ) -> Result<StreamCheck, StoreError> {
        let (stream, (asked_from, limit)) = (head.stream, range);
        let base = self.ports().retention.find_base(stream).await?;
        let archived = base.as_ref().map_or(0, |base| base.version);
        let from = asked_from.max(archived + 1);
        let events = self.ports().events.read_stream(stream, from - 1, limit).await?;
        let mut check = StreamCheck { archived, from, ..StreamCheck::default() };
        let mut auditor = match events.first() {
            Some(first) if from > archived + 1 => Auditor::before(first, from),
            _ => Auditor::default(),
        };
        if let Some(base) = base.as_ref().filter(|_| from == archived + 1) {
            auditor.begin_at(&base.mark());
        }
        check.finding = events.iter().find_map(|event| {
            let finding = auditor.check(event).err();
            check.events += u64::from(finding.is_none());
            finding
        });
        let last = events.last().map_or(from - 1, |last| last.version);
        if check.finding.is_none() && last < head.version && events.len() < limit {
            // It ended further on when it was looked for.
            check.finding =
                Some(Finding { stream, version: head.version, event: None, reason: Reason::Head });
        } else if check.finding.is_none() && last >= head.version {
            let head = self.ports().events.head(stream).await?;
            check.finding = auditor.check_head(stream, head.as_ref()).err();
            check.is_whole = from == archived + 1 && check.finding.is_none();
        }
        let sound = &events[..usize::try_from(check.events).unwrap_or_default()];
        let Testimony { witness, finding } = evidence.about_stream(sound).await?;
        check.witness = witness;
        // It is the earlier one.
        check.finding = finding.or(check.finding);
        if asked_from <= 1 {
            let beginning = StreamBase::beginning(base.as_ref(), stream, head.kind, key).ok();
            self.check_all_snapshots(head, beginning, sound, key, &mut check).await?;
        }
        Ok(check)
    }

    /// Compares each snapshot with what the events add up to, from where their fold begins; those beyond them with what the log says of it.
    async fn check_all_snapshots(
        &self,
        head: &StreamHead,
        mut fold: Option<Fold>,
        events: &[Event],
        key: Option<&DataKey>,
        check: &mut StreamCheck,
    ) -> Result<(), StoreError> {
        let mut snapshots: BTreeMap<Version, Vec<Snapshot>> = BTreeMap::new();
        for snapshot in self.ports().streams.list_snapshots(head.stream, SNAPSHOTS).await? {
            snapshots.entry(snapshot.version).or_default().push(snapshot);
        }
        snapshots.retain(|at, _| *at > check.archived);
        for event in events {
            // What does not read is for whoever reads it to tell; its hash is right.
            fold = fold.and_then(|fold| fold.apply(event, key).ok());
            let at_version = snapshots.remove(&event.version).unwrap_or_default();
            self.check_snapshots(at_version, fold.as_ref(), key, check).await?;
        }
        for snapshot in snapshots.into_values().flatten() {
            let key = key.filter(|_| check.finding.is_none());
            let fault = match key {
                Some(key) => self.open_snapshot(&snapshot, head.kind, key).await?.err(),
                // Nobody can tell any more.
                None => Some(SnapshotFault::NotInLog),
            };
            match fault {
                None => check.snapshots += 1,
                Some(fault) => check.rejected.push(snapshot.rejected(fault)),
            }
        }
        check.rejected.sort_by_key(|rejected| (rejected.version, rejected.snapshot));
        Ok(())
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
