//! JSON Schemas (draft 2020-12) of what events say, made from the types that write them, and the catalogue of all of them.

use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{api_key, company, feature, stream, user};

/// The dialect that the schemas are in.
pub const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The shape of one schema version of one type of event.
#[derive(Clone, Debug, PartialEq)]
pub struct EventSchema {
    /// The type.
    pub event_type: &'static str,
    /// The schema version.
    pub version: u32,
    /// What its data are.
    pub data: Value,
    /// What its personal facts are, of types that have any. They lie sealed beside the data, and nobody who may not know the person sees
    /// them.
    pub personal: Option<Value>,
}

/// The data of an event whose type says it all.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct NoFacts {}

/// A choice of a few names, as a schema has it: every one, and no prose.
macro_rules! choice_schema {
    ($name:ident) => {
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "enum": Self::ALL})
            }
        }
    };
}
pub(crate) use choice_schema;

impl EventSchema {
    /// A version whose data are what `T` is written as.
    pub(crate) fn of<T: JsonSchema>(event_type: &'static str, version: u32) -> Self {
        let title = format!("{event_type}, schema version {version}");
        let data = titled(closed(schema_of::<T>()), &title, "Its data. Nothing in it is personal.");
        Self { event_type, version, data, personal: None }
    }

    /// With personal facts beside the data.
    #[must_use]
    pub(crate) fn with_personal<T: JsonSchema>(self) -> Self {
        let title = format!("{}, schema version {}, personal facts", self.event_type, self.version);
        let about = "What it says of a person. It lies sealed beside the data, under the person's own key, and is gone with that key.";
        let mut facts = titled(closed(schema_of::<T>()), &title, about);
        facts["x-sealed"] = Value::Bool(true);
        Self { personal: Some(facts), ..self }
    }
}

/// Every type of event that this software writes, in every schema version that it ever wrote it in: by type, older versions first.
pub fn catalogue() -> Vec<EventSchema> {
    let mut all: Vec<_> = [
        user::event_schemas(),
        company::event_schemas(),
        stream::event_schemas(),
        api_key::event_schemas(),
        feature::event_schemas(),
    ]
    .into_iter()
    .flatten()
    .collect();
    all.sort_by_key(|schema| (schema.event_type, schema.version));
    all
}

/// The schema of a value as it is written, whole: without references to other places.
pub fn schema_of<T: JsonSchema>() -> Value {
    // The dialect is named by whoever hands the schema out: inside a larger document it would be out of place.
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
        settings.transforms.push(Box::new(RecursiveTransform(without_width)));
    });
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// How many bits a number has here is nothing that its reader sees.
fn without_width(schema: &mut Schema) {
    let is_width = |format: &Value| {
        format.as_str().is_some_and(|format| format.starts_with("uint") || format.starts_with("int"))
    };
    if schema.get("format").is_some_and(is_width) {
        schema.remove("format");
    }
}

/// Another field would be another schema version.
fn closed(mut schema: Value) -> Value {
    if schema["type"] == "object" && schema.get("additionalProperties").is_none() {
        schema["additionalProperties"] = json!(false);
    }
    schema
}

pub(crate) fn titled(mut schema: Value, title: &str, about: &str) -> Value {
    schema["title"] = json!(title);
    schema["description"] = json!(about);
    schema
}
