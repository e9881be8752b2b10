use poem::web::Data;
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use portcullis_domain::{
    Identity,
    event::{EventType, Version},
    port::{EventListQuery, EventPage},
    stream::StreamError,
};
use uuid::Uuid;

use super::response::EventResponse;
use crate::http::{Group, bearer::Bearer, error::Failed, page};

pub(in crate::http) struct ListEventsApi;

/// Some of a stream's events.
#[derive(Object)]
struct EventListResponse {
    items: Vec<EventResponse>,
    /// What to send as `cursor` for the next page; null when this was the last.
    next_cursor: Option<String>,
}

#[derive(Enum)]
#[oai(rename_all = "lowercase")]
enum Order {
    /// The oldest first.
    Asc,
    /// The newest first.
    Desc,
}

#[OpenApi(prefix_path = "/api/v1/stream", tag = "Group::Streams")]
impl ListEventsApi {
    /// A stream's events.
    ///
    /// One request looks at 1,000 events at most: with `type` a page may come short, or empty, and go on all the same.
    #[oai(path = "/events/:stream_id", method = "get", operation_id = "list_events")]
    #[expect(clippy::too_many_arguments, reason = "one a parameter")]
    async fn list_events(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        stream_id: Path<Uuid>,
        /// The first version.
        from_version: Query<Option<u64>>,
        /// The last version.
        to_version: Query<Option<u64>>,
        /// Of this type alone.
        #[oai(name = "type")]
        event_type: Query<Option<String>>,
        /// `asc` unless told.
        order: Query<Option<Order>>,
        /// How many at most; 50 unless told.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<EventListResponse>, Failed<StreamError>> {
        let mut query = EventListQuery {
            from: from_version.0.unwrap_or(0),
            to: to_version.0.unwrap_or(Version::MAX),
            event_type: event_type.0.map(EventType::new),
            is_descending: matches!(order.0, Some(Order::Desc)),
        };
        match page::read_cursor::<Version>(cursor.0.as_deref())? {
            Some(after) if query.is_descending => query.to = query.to.min(after.saturating_sub(1)),
            Some(after) => query.from = query.from.max(after.saturating_add(1)),
            None => {}
        }
        let limit = page::limit(limit.0);
        let EventPage { events, next } =
            identity.list_events(&bearer.0, stream_id.0.into(), &query, limit).await?;
        Ok(Json(EventListResponse {
            items: events.into_iter().map(Into::into).collect(),
            next_cursor: next.as_ref().map(page::write_cursor),
        }))
    }
}
