//! `/api/v1/stream`

mod schema;

pub(super) use schema::{SchemaApi, SchemaNotFound};
