use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Header, payload::Json};
use portcullis_domain::{
    Identity,
    stream::{AppendEvent, AppendEventError, IdempotencyKey, Metadata},
};
use uuid::Uuid;

use super::response::{EventResponse, JsonObject};
use crate::http::{
    Group,
    bearer::Bearer,
    body::Body,
    client::Client,
    error::{Failed, Failure},
};

pub(in crate::http) struct AppendEventApi;

/// An event of a client's own. What goes into it stays there for ever, legible to whoever may see the stream, and is no part of anybody's erasure:
/// it must hold no personal data. Name people by their ids.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct EventRequest {
    stream_id: Uuid,
    /// Words of ASCII letters, digits, `_` and `-` with dots between them, such as `order.placed`; at most 100 characters. Types that begin with
    /// `stream`, `user`, `company`, `api_key` or `feature` are the service's own.
    #[oai(rename = "type")]
    event_type: String,
    /// At most 32 KiB of JSON, without personal data.
    data: JsonObject,
    /// The version that the stream must be at; it is written on at whatever version it is without.
    expected_version: Option<u64>,
}

#[derive(ApiResponse)]
enum AppendResponse {
    /// The event.
    #[oai(status = 201)]
    Created(Json<EventResponse>),
}

#[OpenApi(prefix_path = "/api/v1/stream", tag = "Group::Streams")]
impl AppendEventApi {
    /// Write an event of one's own on a stream.
    ///
    /// Everybody writes on their own stream, a company's owners and managers on the company's (`stream:write`).
    #[oai(path = "/events", method = "post", operation_id = "append_event")]
    async fn append_event(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        /// 1 to 255 visible ASCII characters. For 24 hours the same request with the same key gives the first answer again, and writes nothing.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Body<EventRequest>,
    ) -> Result<AppendResponse, Failed<AppendEventError>> {
        let EventRequest { stream_id, event_type, data, expected_version } = body.0;
        let key = idempotency_key.0.map(|key| key.parse::<IdempotencyKey>()).transpose();
        let key = key.map_err(|error| Failure::invalid_field("Idempotency-Key", &error.to_string()))?;
        let data: Metadata = data.into_iter().collect();
        let command = AppendEvent::parse(stream_id.into(), &event_type, &data, expected_version, key)?;
        let event = identity.append_event(&bearer.0, &command, &client.0).await?;
        Ok(AppendResponse::Created(Json(event.into())))
    }
}
