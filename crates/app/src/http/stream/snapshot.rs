use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json};
use portcullis_domain::{
    Identity,
    stream::{LatestSnapshotError, TakeSnapshotError},
};
use uuid::Uuid;

use super::response::SnapshotResponse;
use crate::{
    http::{Group, bearer::Bearer, body::Body, client::Client, error::Failed},
    metric::Metrics,
};

pub(in crate::http) struct SnapshotApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct SnapshotRequest {
    stream_id: Uuid,
}

#[derive(ApiResponse)]
enum TakeSnapshotResponse {
    /// The snapshot.
    #[oai(status = 201)]
    Created(Json<SnapshotResponse>),
}

#[OpenApi(prefix_path = "/api/v1/stream", tag = "Group::Streams")]
impl SnapshotApi {
    /// Take a snapshot of a stream as it is now.
    ///
    /// Snapshots are taken by themselves too, every `SNAPSHOT_EVERY` events.
    #[oai(path = "/snapshots", method = "post", operation_id = "take_snapshot")]
    async fn take_snapshot(
        &self,
        identity: Data<&Identity>,
        metrics: Data<&Arc<Metrics>>,
        bearer: Bearer,
        client: Client,
        body: Body<SnapshotRequest>,
    ) -> Result<TakeSnapshotResponse, Failed<TakeSnapshotError>> {
        let taken = identity.take_snapshot(&bearer.0, body.0.stream_id.into(), &client.0).await?;
        metrics.stream.rejected(&taken.rejected);
        Ok(TakeSnapshotResponse::Created(Json(taken.into())))
    }

    /// The newest snapshot of a stream.
    #[oai(path = "/snapshots/:stream_id/latest", method = "get", operation_id = "get_latest_snapshot")]
    async fn latest_snapshot(
        &self,
        identity: Data<&Identity>,
        metrics: Data<&Arc<Metrics>>,
        bearer: Bearer,
        stream_id: Path<Uuid>,
    ) -> Result<Json<SnapshotResponse>, Failed<LatestSnapshotError>> {
        match identity.latest_snapshot(&bearer.0, stream_id.0.into()).await {
            Ok(shown) => {
                metrics.stream.rejected(&shown.rejected);
                Ok(Json(shown.into()))
            }
            Err(error) => {
                if let LatestSnapshotError::NotFound(rejected) = &error {
                    metrics.stream.rejected(rejected);
                }
                Err(error.into())
            }
        }
    }
}
