use std::{io, sync::Arc};

use futures::StreamExt;
use hyper::body::Bytes;
use poem::{
    Body, IntoResponse, Response,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    web::Data,
};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path},
    payload::Payload,
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
    types::{ToJSON, Type},
};
use portcullis_domain::{Identity, event::Event, stream::ReachError};
use uuid::Uuid;

use super::response::EventResponse;
use crate::{
    http::{Group, bearer::Bearer, error::Failed},
    live::{Feed, Hub, NoSeat},
};

pub(in crate::http) struct LiveApi;

/// Why a feed is not opened.
#[derive(Debug)]
pub(in crate::http) enum OpenFeedError {
    /// The caller does not see the stream.
    Reach(ReachError),
    /// `Last-Event-ID` is of no event there is.
    BeyondEnd,
    /// Too many are open.
    NoSeat(NoSeat),
}

/// Server-Sent Events: one for each event of a stream, as it happens. The id is the event's version, the data are an event.
struct LiveEvents(Feed);

/// An event as a feed sends it: a line with its version, by which a reader resumes, and a line with the event.
pub(crate) fn render(event: &Event) -> Bytes {
    let version = event.version;
    format!("id: {version}\ndata: {}\n\n", EventResponse::from(event.clone()).to_json_string()).into()
}

impl Payload for LiveEvents {
    const CONTENT_TYPE: &'static str = "text/event-stream";

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            items: Some(Box::new(EventResponse::schema_ref())),
            ..MetaSchema::new_with_format("array", "event-stream")
        }))
    }

    fn register(registry: &mut Registry) {
        EventResponse::register(registry);
    }
}

impl IntoResponse for LiveEvents {
    fn into_response(self) -> Response {
        let texts = self.0.into_stream().map(Ok::<_, io::Error>);
        Response::builder()
            .header(CONTENT_TYPE, Self::CONTENT_TYPE)
            .header(CACHE_CONTROL, "no-store")
            // Proxies that collect answers before they pass them on would pass on nothing.
            .header("x-accel-buffering", "no")
            .body(Body::from_bytes_stream(texts))
    }
}

impl ApiResponse for LiveEvents {
    fn meta() -> MetaResponses {
        let events = MetaMediaType { content_type: Self::CONTENT_TYPE, schema: Self::schema_ref() };
        let response = MetaResponse {
            description: "Server-Sent Events: `id` is an event's version, `data` the event as one line of JSON. A line that is only a colon keeps the connection alive.",
            status: Some(200),
            status_range: None,
            content: vec![events],
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }
}

#[OpenApi(prefix_path = "/api/v1/stream", tag = "Group::Streams")]
impl LiveApi {
    /// What happens on a stream, as it happens.
    ///
    /// Server-Sent Events without an end. With `Last-Event-ID`, the version that was seen last, the feed begins with what has happened since, and 0 is
    /// the beginning; without, it begins with what happens next. Each event comes once and in order, on whichever replica. A reader that is too slow is cut
    /// off and resumes by `Last-Event-ID`, as it does after any loss of the connection; a feed ends with the session that opened it, and when the
    /// stream is not for its reader any more. A page reads it with `fetch`, whose requests carry the token in their header; `EventSource` cannot.
    #[oai(path = "/live/:stream_id", method = "get", operation_id = "live_stream")]
    async fn live(
        &self,
        identity: Data<&Identity>,
        hub: Data<&Arc<Hub>>,
        bearer: Bearer,
        stream_id: Path<Uuid>,
        /// The version that was seen last.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<u64>>,
    ) -> Result<LiveEvents, Failed<OpenFeedError>> {
        let (caller, stream) = (bearer.0, stream_id.0.into());
        let newest = identity.reach_stream(&caller, stream).await.map_err(OpenFeedError::Reach)?.head.version;
        let after = last_event_id.0.unwrap_or(newest);
        if after > newest {
            return Err(OpenFeedError::BeyondEnd.into());
        }
        Ok(LiveEvents(hub.open(caller, stream, after).map_err(OpenFeedError::NoSeat)?))
    }
}
