use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use portcullis_domain::{
    Identity,
    audit::{Evidence, Finding, Witness},
    stream::{AuditEntry, AuditPage, RejectedSnapshot, StreamCheck, StreamError},
};
use uuid::Uuid;

use super::response::ActorResponse;
use crate::{
    checkpoint_keys::CheckpointRecord,
    http::{Group, bearer::Bearer, error::Failed, page, timestamp::Timestamp},
};

pub(in crate::http) struct AuditApi;

/// Some of what was done to a stream.
#[derive(Object)]
struct StreamAuditResponse {
    items: Vec<AuditEntryResponse>,
    /// What to send as `cursor` for the next page; null when this was the last.
    next_cursor: Option<String>,
    /// What a check found: on the first page of the stream's first 1000 events, on later ones of the page's own.
    check: StreamCheckResponse,
}

/// What somebody did.
#[derive(Object)]
struct AuditEntryResponse {
    event_id: Uuid,
    version: u64,
    #[oai(rename = "type")]
    event_type: String,
    actor: ActorResponse,
    recorded_at: Timestamp,
    /// Where they were; null where that is not for the caller, or is not known (any more).
    ip_address: Option<String>,
    user_agent: Option<String>,
    /// Of the event before it on the stream; all zero for the first.
    prev_hash: String,
    hash: String,
}

/// What a check of events that follow each other found.
#[derive(Object)]
struct StreamCheckResponse {
    /// Of what was checked.
    verdict: Verdict,
    /// Events of the stream that were moved into an archive, and are not checked here.
    archived_events: u64,
    /// The version from which on events were checked.
    from_version: u64,
    /// Events that hold together, from there on.
    events: u64,
    /// Whether these are all that the stream has, but for those in an archive.
    is_whole: bool,
    /// The first thing that is not as it was written; null where all is.
    finding: Option<FindingResponse>,
    /// The newest of the notary's checkpoints that covers one of these events; null where none does yet.
    checkpoint: Option<WitnessResponse>,
    /// Snapshots that are what the events before them add up to.
    snapshots: u64,
    /// Those that are not. Nothing is read from them.
    rejected_snapshots: Vec<RejectedSnapshotResponse>,
}

/// A signed checkpoint that covers events of the stream: all up to a version, since each event's hash is over those before it.
#[derive(Object)]
struct WitnessResponse {
    number: u64,
    /// The version up to which it covers the stream, as far as that was checked.
    covers_to_version: u64,
    made_at: Timestamp,
    /// Which key signed it.
    key_id: String,
    /// Why it is not to be believed; null where its signature is good and it follows the one before it.
    fault: Option<String>,
}

#[derive(Enum)]
#[oai(rename_all = "lowercase")]
enum Verdict {
    /// Every event is as it was written, none is missing, and none was put in.
    Intact,
    Broken,
}

/// The first thing that does not hold together.
#[derive(Object)]
struct FindingResponse {
    version: u64,
    /// Null where the event is not there any more.
    event_id: Option<Uuid>,
    reason: String,
}

/// A snapshot that is not believed.
#[derive(Object)]
struct RejectedSnapshotResponse {
    id: Uuid,
    version: u64,
    /// `does_not_open`, `not_in_log`, `false_state` or `unreadable`.
    fault: String,
}

impl From<AuditEntry> for AuditEntryResponse {
    fn from(AuditEntry { event: stored, origin }: AuditEntry) -> Self {
        let origin = origin.unwrap_or_default();
        Self {
            event_id: stored.event.id.into(),
            version: stored.version,
            event_type: stored.event.event_type.to_string(),
            actor: stored.event.actor.into(),
            recorded_at: stored.event.recorded_at.into(),
            ip_address: origin.ip_address.map(|address| address.to_string()),
            user_agent: origin.user_agent,
            prev_hash: stored.prev_hash.to_string(),
            hash: stored.hash.to_string(),
        }
    }
}

impl From<Finding> for FindingResponse {
    fn from(finding: Finding) -> Self {
        Self {
            version: finding.version,
            event_id: finding.event.map(Into::into),
            reason: finding.reason.to_string(),
        }
    }
}

impl From<RejectedSnapshot> for RejectedSnapshotResponse {
    fn from(rejected: RejectedSnapshot) -> Self {
        Self {
            id: rejected.snapshot.into(),
            version: rejected.version,
            fault: rejected.fault.as_str().to_owned(),
        }
    }
}

impl From<Witness> for WitnessResponse {
    fn from(witness: Witness) -> Self {
        Self {
            number: witness.checkpoint,
            covers_to_version: witness.version,
            made_at: witness.made_at.into(),
            key_id: witness.key_id,
            fault: witness.fault.map(|fault| fault.to_string()),
        }
    }
}

impl From<StreamCheck> for StreamCheckResponse {
    fn from(check: StreamCheck) -> Self {
        let verdict = if check.is_sound() { Verdict::Intact } else { Verdict::Broken };
        let StreamCheck { archived, from, events, is_whole, finding, witness, snapshots, rejected } = check;
        Self {
            verdict,
            archived_events: archived,
            from_version: from,
            events,
            is_whole,
            finding: finding.map(Into::into),
            checkpoint: witness.map(Into::into),
            snapshots: u64::try_from(snapshots).unwrap_or(u64::MAX),
            rejected_snapshots: rejected.into_iter().map(Into::into).collect(),
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/stream", tag = "Group::Streams")]
impl AuditApi {
    /// Who did what to a stream when and from where, oldest first, with each event's hash and what a check found.
    ///
    /// The check says which events it is about: that they hold together, and that the newest signed checkpoint among those that cover them saw them so. Whether
    /// the end of a stream was cut off together with its head, `portcullis audit verify` alone can tell, which reads the whole log.
    ///
    /// One's own whereabouts are always shown; those of others to those who may read any account (`user:read`), which is recorded with the others.
    #[oai(path = "/audit/:stream_id", method = "get", operation_id = "audit_stream")]
    async fn audit(
        &self,
        identity: Data<&Identity>,
        record: Data<&Arc<CheckpointRecord>>,
        bearer: Bearer,
        stream_id: Path<Uuid>,
        /// How many at most; 50 unless told.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<StreamAuditResponse>, Failed<StreamError>> {
        let after = page::read_cursor(cursor.0.as_deref())?;
        let limit = page::limit(limit.0);
        let keys = record.keys.load().await.map_err(|error| StreamError::Store(error.into()))?;
        let checkpoints = Some(record.checkpoints.as_ref());
        let evidence = Evidence { checkpoints, keys: Some(&keys), ..Evidence::default() };
        let AuditPage { entries, next, check } =
            identity.audit_stream(&bearer.0, stream_id.0.into(), after, limit, evidence).await?;
        record.metrics.stream.rejected(&check.rejected);
        Ok(Json(StreamAuditResponse {
            items: entries.into_iter().map(Into::into).collect(),
            next_cursor: next.as_ref().map(page::write_cursor),
            check: check.into(),
        }))
    }
}
