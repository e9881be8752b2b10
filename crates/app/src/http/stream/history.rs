use std::collections::HashMap;

use poem::web::Data;
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use portcullis_domain::{
    Identity,
    stream::{FieldChange, HistoryItem, HistoryPage, StreamError, StreamEvent},
};
use serde_json::Value;
use uuid::Uuid;

use super::response::{ActorResponse, EventResponse};
use crate::http::{Group, bearer::Bearer, error::Failed, page, timestamp::Timestamp};

pub(in crate::http) struct HistoryApi;

/// Some of a stream's history.
#[derive(Object)]
struct HistoryResponse {
    items: Vec<HistoryItemResponse>,
    /// What to send as `cursor` for the next page; null when this was the last.
    next_cursor: Option<String>,
}

/// Something that happened, or a look at what is sealed.
#[derive(Object)]
struct HistoryItemResponse {
    kind: HistoryKind,
    recorded_at: Timestamp,
    actor: ActorResponse,
    /// What happened; null for a look.
    event: Option<EventResponse>,
    /// What it changed, by field.
    changes: HashMap<String, FieldChangeResponse>,
    /// What was looked at; null for what happened.
    accessed: Option<String>,
}

#[derive(Enum)]
#[oai(rename_all = "lowercase")]
enum HistoryKind {
    Event,
    Snapshot,
    Access,
}

/// A field before and after.
#[derive(Object)]
struct FieldChangeResponse {
    before: Value,
    after: Value,
    /// Whether that it changed is all that is shown: the caller may not see what it was, or nobody can any more.
    is_hidden: bool,
}

impl From<FieldChange> for FieldChangeResponse {
    fn from(FieldChange { before, after, is_hidden }: FieldChange) -> Self {
        Self { before, after, is_hidden }
    }
}

impl From<HistoryItem> for HistoryItemResponse {
    fn from(item: HistoryItem) -> Self {
        match item {
            HistoryItem::Event(event, changes) => {
                let is_snapshot = event.event.event_type.as_str() == StreamEvent::SNAPSHOT_TAKEN;
                Self {
                    kind: if is_snapshot { HistoryKind::Snapshot } else { HistoryKind::Event },
                    recorded_at: event.event.recorded_at.into(),
                    actor: event.event.actor.into(),
                    event: Some((*event).into()),
                    changes: changes.into_iter().map(|(field, change)| (field, change.into())).collect(),
                    accessed: None,
                }
            }
            HistoryItem::Access(access) => Self {
                kind: HistoryKind::Access,
                recorded_at: access.at.into(),
                actor: access.actor.into(),
                event: None,
                changes: HashMap::new(),
                accessed: Some(access.what.as_str().to_owned()),
            },
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/stream", tag = "Group::Streams")]
impl HistoryApi {
    /// What happened to a stream and who looked at it, oldest first, each with what it changed.
    ///
    /// Personal fields are opened for the person themself and for those who may read any account (`user:read`); a company's owners and managers see of
    /// its members what the list of members shows. That somebody else looked is recorded with the stream.
    #[oai(path = "/history/:stream_id", method = "get", operation_id = "get_stream_history")]
    async fn history(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        stream_id: Path<Uuid>,
        /// How many at most; 50 unless told.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<HistoryResponse>, Failed<StreamError>> {
        let after = page::read_cursor(cursor.0.as_deref())?;
        let limit = page::limit(limit.0);
        let HistoryPage { items, next } =
            identity.stream_history(&bearer.0, stream_id.0.into(), after, limit).await?;
        Ok(Json(HistoryResponse {
            items: items.into_iter().map(Into::into).collect(),
            next_cursor: next.as_ref().map(page::write_cursor),
        }))
    }
}
