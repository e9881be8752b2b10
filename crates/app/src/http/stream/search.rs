use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use portcullis_domain::{
    Identity,
    port::EventPage,
    stream::{SearchEvents, SearchEventsError},
};
use uuid::Uuid;

use super::response::EventResponse;
use crate::http::{Group, bearer::Bearer, error::Failed, page, timestamp::Timestamp};

pub(in crate::http) struct SearchApi;

/// Some of the events that are looked for.
#[derive(Object)]
struct EventSearchResponse {
    items: Vec<EventResponse>,
    /// What to send as `cursor` for the next page; null when this was the last.
    next_cursor: Option<String>,
}

#[OpenApi(prefix_path = "/api/v1/stream", tag = "Group::Streams")]
impl SearchApi {
    /// Look for events on every stream that the caller sees, the newest first.
    ///
    /// One request looks at 1,000 events at most: a page may come short, or empty, and go on all the same; only `next_cursor` says that there is no more.
    #[oai(path = "/search", method = "get", operation_id = "search_events")]
    #[expect(clippy::too_many_arguments, reason = "one a parameter")]
    async fn search(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        /// Of this type.
        #[oai(name = "type")]
        event_type: Query<Option<String>>,
        /// Done by the user or API key with this id.
        actor: Query<Option<Uuid>>,
        /// On this stream.
        stream_id: Query<Option<Uuid>>,
        /// On the streams of this company and of its members.
        company_id: Query<Option<Uuid>>,
        /// Since this time, and then.
        since: Query<Option<Timestamp>>,
        /// Before this time.
        until: Query<Option<Timestamp>>,
        /// With this text in their data, letter for letter; at most 200 characters.
        text: Query<Option<String>>,
        /// How many at most; 50 unless told.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<EventSearchResponse>, Failed<SearchEventsError>> {
        let asked = SearchEvents {
            event_type: event_type.0,
            actor: actor.0,
            stream: stream_id.0.map(Into::into),
            company: company_id.0.map(Into::into),
            since: since.0.map(Into::into),
            until: until.0.map(Into::into),
            text: text.0,
            before: page::read_cursor(cursor.0.as_deref())?,
            limit: page::limit(limit.0),
        };
        let EventPage { events, next } = identity.search_events(&bearer.0, &asked).await?;
        Ok(Json(EventSearchResponse {
            items: events.into_iter().map(Into::into).collect(),
            next_cursor: next.as_ref().map(page::write_cursor),
        }))
    }
}
