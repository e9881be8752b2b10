use std::collections::BTreeMap;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use portcullis_domain::{
    Identity,
    stream::{StreamError, StreamStats},
};
use uuid::Uuid;

use super::response::StreamStatusResponse;
use crate::http::{Group, bearer::Bearer, error::Failed, timestamp::Timestamp};

pub(in crate::http) struct StatusApi;

/// A stream in numbers.
#[derive(Object)]
struct StreamStatsResponse {
    stream_id: Uuid,
    /// Events in all.
    events: u64,
    /// By type; of the hundred most frequent types.
    by_type: BTreeMap<String, u64>,
    /// By day of UTC; of the last 366 days on which something happened.
    by_day: BTreeMap<String, u64>,
    first_event_at: Option<Timestamp>,
    last_event_at: Option<Timestamp>,
    /// Snapshots that were taken.
    snapshots: u64,
    sign_ins: SignInsResponse,
}

/// Sign-ins of late.
#[derive(Object)]
#[expect(clippy::struct_field_names, reason = "the names are published")]
struct SignInsResponse {
    last_24_hours: u64,
    last_7_days: u64,
    last_30_days: u64,
}

impl StreamStatsResponse {
    fn new(stream_id: Uuid, StreamStats { statistics, snapshots, sign_ins }: StreamStats) -> Self {
        let [last_24_hours, last_7_days, last_30_days] = sign_ins;
        Self {
            stream_id,
            events: statistics.events,
            by_type: statistics.by_type.into_iter().map(|(name, count)| (name.to_string(), count)).collect(),
            by_day: statistics.by_day.into_iter().map(|(day, count)| (day.to_string(), count)).collect(),
            first_event_at: statistics.first_at.map(Into::into),
            last_event_at: statistics.last_at.map(Into::into),
            snapshots,
            sign_ins: SignInsResponse { last_24_hours, last_7_days, last_30_days },
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/stream", tag = "Group::Streams")]
impl StatusApi {
    /// How a stream is.
    #[oai(path = "/status/:stream_id", method = "get", operation_id = "get_stream_status")]
    async fn status(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        stream_id: Path<Uuid>,
    ) -> Result<Json<StreamStatusResponse>, Failed<StreamError>> {
        Ok(Json(identity.stream_status(&bearer.0, stream_id.0.into()).await?.into()))
    }

    /// A stream in numbers.
    #[oai(path = "/stats/:stream_id", method = "get", operation_id = "get_stream_stats")]
    async fn stats(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        stream_id: Path<Uuid>,
    ) -> Result<Json<StreamStatsResponse>, Failed<StreamError>> {
        let stats = identity.stream_stats(&bearer.0, stream_id.0.into()).await?;
        Ok(Json(StreamStatsResponse::new(stream_id.0, stats)))
    }
}
