use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};
use portcullis_domain::{
    Identity,
    stream::{SetMetadata, SetMetadataError},
};
use uuid::Uuid;

use super::response::{JsonObject, StreamStatusResponse};
use crate::http::{Group, bearer::Bearer, body::Body, client::Client, error::Failed};

pub(in crate::http) struct MetadataApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct MetadataRequest {
    stream_id: Uuid,
    /// Takes the place of what was noted before; at most 16 KiB of JSON, without personal data.
    metadata: JsonObject,
    /// The version that the stream must be at.
    expected_version: Option<u64>,
}

#[OpenApi(prefix_path = "/api/v1/stream", tag = "Group::Streams")]
impl MetadataApi {
    /// Note something about a stream.
    #[oai(path = "/metadata", method = "put", operation_id = "set_stream_metadata")]
    async fn set_metadata(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        body: Body<MetadataRequest>,
    ) -> Result<Json<StreamStatusResponse>, Failed<SetMetadataError>> {
        let MetadataRequest { stream_id, metadata, expected_version } = body.0;
        let metadata = metadata.into_iter().collect();
        let command = SetMetadata::parse(stream_id.into(), metadata, expected_version);
        let command = command.map_err(SetMetadataError::from)?;
        Ok(Json(identity.set_metadata(&bearer.0, &command, &client.0).await?.into()))
    }
}
