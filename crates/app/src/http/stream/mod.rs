//! `/api/v1/stream`

mod append_event;
mod audit;
mod deactivate;
mod history;
mod list_events;
mod live;
mod metadata;
mod response;
mod schema;
mod search;
mod snapshot;
mod status;

pub(crate) use live::render;

pub(super) use append_event::AppendEventApi;
pub(super) use audit::AuditApi;
pub(super) use deactivate::DeactivateApi;
pub(super) use history::HistoryApi;
pub(super) use list_events::ListEventsApi;
pub(super) use live::{LiveApi, OpenFeedError};
pub(super) use metadata::MetadataApi;
pub(super) use schema::{SchemaApi, SchemaNotFound};
pub(super) use search::SearchApi;
pub(super) use snapshot::SnapshotApi;
pub(super) use status::StatusApi;
