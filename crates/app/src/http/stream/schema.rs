use std::{collections::BTreeMap, convert::Infallible, sync::LazyLock};

use hyper::body::Bytes;
use poem::{
    IntoResponse, Response,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::Path,
    payload::{Json, Payload},
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry},
    types::Type,
};
use portcullis_domain::{
    event::{DIALECT, catalogue},
    message::{self, MessageSchema},
    stream::is_reserved,
};
use serde_json::{Value, json};

use crate::http::{Group, error::Failed};

/// The shapes change with the program alone.
const KEPT: &str = "public, max-age=3600";

pub(in crate::http) struct SchemaApi;

/// No event or message of this type and version.
#[derive(Debug)]
pub(in crate::http) struct SchemaNotFound;

/// One schema version of one type of event.
#[derive(Object)]
struct EventSchemaResponse {
    /// Such as `user.created`.
    #[oai(rename = "type")]
    event_type: String,
    schema_version: u32,
    /// The JSON Schema (2020-12) of the event's data. It is also at `/api/v1/stream/schemas/{type}/{schema_version}`.
    data: Value,
    /// The JSON Schema of the event's personal facts, which lie sealed beside the data; null for types that have none.
    personal: Option<Value>,
    /// What leaves through the broker of events of this type; null for all but the newest version, which is told of.
    message: Option<MessageSchemaResponse>,
}

/// What leaves through the broker.
#[derive(Object)]
struct MessageSchemaResponse {
    /// What the message's `dataschema` ends in.
    version: String,
    /// The JSON Schema of the message's data. It is also where `dataschema` says.
    data: Value,
}

/// Every type and version, by type, older versions first.
#[derive(Object)]
struct SchemaListResponse {
    items: Vec<EventSchemaResponse>,
    /// Always null: all of them are listed at once.
    next_cursor: Option<String>,
}

/// A JSON Schema.
struct SchemaDocument(Bytes);

/// Every schema by type and version, as it is sent.
static DOCUMENTS: LazyLock<BTreeMap<(String, String), Bytes>> = LazyLock::new(|| {
    let of_events = catalogue();
    let of_events =
        of_events.iter().map(|schema| (schema.event_type, schema.version.to_string(), &schema.data));
    let published = message::schemas();
    let of_messages =
        published.iter().map(|schema| (schema.event_type, message::VERSION.to_owned(), &schema.data));
    let all = of_events.chain(of_messages).map(|(event_type, version, schema)| {
        let text = document(schema, &format!("/api/v1/stream/schemas/{event_type}/{version}"));
        ((event_type.to_owned(), version), text)
    });
    all.collect()
});

/// The schema of messages of every type that is not the service's own.
static CLIENT_DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| text(message::client_schema()));

fn document(schema: &Value, path: &str) -> Bytes {
    let mut schema = schema.clone();
    // Relative: it is wherever it was asked for.
    schema["$id"] = json!(path);
    text(schema)
}

fn text(mut schema: Value) -> Bytes {
    schema["$schema"] = json!(DIALECT);
    format!("{schema:#}\n").into()
}

impl SchemaListResponse {
    fn new() -> Self {
        let events = catalogue();
        let mut published: BTreeMap<_, _> =
            message::schemas().into_iter().map(|schema| (schema.event_type, schema)).collect();
        // From the newest version on: the first of a type that is met.
        let mut items: Vec<_> = events
            .into_iter()
            .rev()
            .map(|schema| EventSchemaResponse {
                event_type: schema.event_type.to_owned(),
                schema_version: schema.version,
                data: schema.data,
                personal: schema.personal,
                message: published.remove(schema.event_type).map(Into::into),
            })
            .collect();
        items.reverse();
        Self { items, next_cursor: None }
    }
}

impl From<MessageSchema> for MessageSchemaResponse {
    fn from(schema: MessageSchema) -> Self {
        Self { version: message::VERSION.to_owned(), data: schema.data }
    }
}

impl Payload for SchemaDocument {
    const CONTENT_TYPE: &'static str = "application/schema+json";

    fn schema_ref() -> MetaSchemaRef {
        Value::schema_ref()
    }
}

impl IntoResponse for SchemaDocument {
    fn into_response(self) -> Response {
        Response::builder().header(CONTENT_TYPE, Self::CONTENT_TYPE).header(CACHE_CONTROL, KEPT).body(self.0)
    }
}

impl ApiResponse for SchemaDocument {
    fn meta() -> MetaResponses {
        let document = MetaMediaType { content_type: Self::CONTENT_TYPE, schema: Self::schema_ref() };
        let response = MetaResponse {
            description: "",
            status: Some(200),
            status_range: None,
            content: vec![document],
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}

#[OpenApi(prefix_path = "/api/v1/stream", tag = "Group::Streams")]
#[expect(clippy::unused_async, reason = "the framework wants every endpoint to be")]
impl SchemaApi {
    /// The shapes of all events, in every schema version there ever was, and of the messages that tell of them.
    #[oai(path = "/schemas", method = "get", operation_id = "list_schemas")]
    async fn list_schemas(&self) -> Result<Json<SchemaListResponse>, Failed<Infallible>> {
        Ok(Json(SchemaListResponse::new()))
    }

    /// One shape, as a JSON Schema document.
    ///
    /// Of a whole version such as `1` it is the shape of an event's data, as a stream has it. Of a version such as `1.0.0` it is the shape of a
    /// message's data, as it leaves through the broker: a message's `dataschema` is such an address.
    #[oai(path = "/schemas/:type/:version", method = "get", operation_id = "get_schema")]
    async fn get_schema(
        &self,
        #[oai(name = "type")] event_type: Path<String>,
        version: Path<String>,
    ) -> Result<SchemaDocument, Failed<SchemaNotFound>> {
        let (event_type, version) = (event_type.0, version.0);
        // Which types clients have made is nobody's business here: all of them are told of in one shape.
        if version == message::VERSION && !is_reserved(&event_type) {
            return Ok(SchemaDocument(CLIENT_DOCUMENT.clone()));
        }
        let found = DOCUMENTS.get(&(event_type, version));
        Ok(SchemaDocument(found.cloned().ok_or(SchemaNotFound)?))
    }
}
