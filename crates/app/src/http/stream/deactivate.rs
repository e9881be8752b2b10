use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};
use portcullis_domain::{
    Identity,
    stream::{DeactivateStream, DeactivateStreamError},
};
use uuid::Uuid;

use super::response::StreamStatusResponse;
use crate::http::{Group, bearer::Bearer, body::Body, client::Client, error::Failed};

pub(in crate::http) struct DeactivateApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct DeactivateRequest {
    stream_id: Uuid,
    /// Why, for whoever reads the history; at most 500 characters. It is kept sealed.
    reason: Option<String>,
}

#[OpenApi(prefix_path = "/api/v1/stream", tag = "Group::Streams")]
impl DeactivateApi {
    /// Let clients write on a stream no more, for good. The account or company itself lives on.
    #[oai(path = "/deactivate", method = "post", operation_id = "deactivate_stream")]
    async fn deactivate(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        body: Body<DeactivateRequest>,
    ) -> Result<Json<StreamStatusResponse>, Failed<DeactivateStreamError>> {
        let DeactivateRequest { stream_id, reason } = body.0;
        let command = DeactivateStream::parse(stream_id.into(), reason.as_deref());
        let command = command.map_err(DeactivateStreamError::from)?;
        Ok(Json(identity.deactivate_stream(&bearer.0, &command, &client.0).await?.into()))
    }
}
