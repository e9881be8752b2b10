//! A JSON body that is checked before it is read: too large, of another type, not JSON, an unknown field, a missing one, one of
//! another type. The framework's own messages repeat what was sent, which may be a password, so these are made here from the
//! body's schema.

use std::collections::BTreeMap;

use futures::StreamExt;
use poem::{Request, RequestBody, Result, http::header};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    error::ContentTypeError,
    payload::{Json, Payload},
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry},
    types::{ParseFromJSON, Type},
};
use portcullis_domain::code::Code;
use serde_json::{Map, Value};

use super::error::Failure;

/// The largest body.
const MAX_LENGTH: usize = 64 * 1024;
/// The type of a form.
const FORM: &str = "application/x-www-form-urlencoded";
/// How much of an unknown field's name is repeated.
const MAX_NAME_SHOWN: usize = 64;

/// A request's body.
pub(super) struct Body<T>(pub(super) T);

impl<'a, T: ParseFromJSON> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: Json::<T>::CONTENT_TYPE, schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: !schema::<T>().0.required.is_empty() })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let bytes = read(body.take()?).await?;
        if !bytes.is_empty() {
            check_content_type::<T>(request)?;
        }
        let object = if bytes.is_empty() { Map::new() } else { parse_object(&bytes)? };
        Ok(Self(parse_shape(object)?))
    }
}

/// A request's body, as JSON or as a form, as the standards around OAuth 2 have it (RFC 6749 §3.2). Fields of a form that are not known are passed
/// over, as those ask for.
pub(super) struct FormBody<T>(pub(super) T);

impl<'a, T: ParseFromJSON> ApiExtractor<'a> for FormBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let types = [Json::<T>::CONTENT_TYPE, FORM];
        let content = types.map(|content_type| MetaMediaType { content_type, schema: T::schema_ref() });
        Some(MetaRequest { description: None, content: content.into(), required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let content_type = request.header(header::CONTENT_TYPE).unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case(FORM) {
            return Ok(Self(Body::<T>::from_request(request, body, options).await?.0));
        }
        let object = parse_form::<T>(&read(body.take()?).await?)?;
        Ok(Self(parse_shape(object)?))
    }
}

/// What an object holds, once each of its fields was looked at.
fn parse_shape<T: ParseFromJSON>(object: Map<String, Value>) -> Result<T, Failure> {
    check_shape::<T>(&object)?;
    T::parse_from_json(Some(object.into())).map_err(|_| Failure::new(Code::ValidationFailed))
}

/// The known fields of a form, each given once at most.
fn parse_form<T: Type>(bytes: &[u8]) -> Result<Map<String, Value>, Failure> {
    let (schema, _) = schema::<T>();
    let mut object = Map::new();
    for (name, value) in url::form_urlencoded::parse(bytes) {
        let is_known = schema.properties.iter().any(|(property, _)| *property == name);
        if is_known && object.insert(name.clone().into_owned(), value.into_owned().into()).is_some() {
            return Err(Failure::invalid_field(&name, "is given twice"));
        }
    }
    Ok(object)
}

async fn read(body: poem::Body) -> Result<Vec<u8>> {
    let mut stream = body.into_bytes_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Failure::invalid("the body cannot be read"))?;
        if bytes.len() + chunk.len() > MAX_LENGTH {
            return Err(Failure::new(Code::PayloadTooLarge).into());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn check_content_type<T: ParseFromJSON>(request: &Request) -> Result<()> {
    let content_type = request.header(header::CONTENT_TYPE).ok_or(ContentTypeError::ExpectContentType)?;
    if Json::<T>::check_content_type(content_type) {
        Ok(())
    } else {
        Err(ContentTypeError::NotSupported { content_type: String::new() }.into())
    }
}

fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, Failure> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Failure::invalid("the body must be a JSON object")),
        Err(error) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            Err(Failure::invalid(&format!("the body is not JSON, at {place}")))
        }
    }
}

/// The schema of a body's type, and those it refers to.
fn schema<T: Type>() -> (MetaSchema, Registry) {
    let mut registry = Registry::new();
    T::register(&mut registry);
    let schema = match T::schema_ref() {
        MetaSchemaRef::Inline(schema) => *schema,
        MetaSchemaRef::Reference(name) => registry.schemas.remove(&name).unwrap_or(MetaSchema::ANY),
    };
    (schema, registry)
}

/// The schema that says what a property is, here or where it refers to.
fn resolve<'a>(property: &'a MetaSchemaRef, registry: &'a Registry) -> Option<&'a MetaSchema> {
    match property {
        MetaSchemaRef::Reference(name) => registry.schemas.get(name),
        MetaSchemaRef::Inline(schema) => match schema.all_of.first() {
            Some(referred) => resolve(referred, registry),
            None => Some(schema),
        },
    }
}

/// Compares a body with its schema, field by field.
fn check_shape<T: Type>(object: &Map<String, Value>) -> Result<(), Failure> {
    let (schema, registry) = schema::<T>();
    let mut wrong: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in schema.required.iter().filter(|name| !object.contains_key(**name)) {
        wrong.insert((*name).to_owned(), vec!["is required".to_owned()]);
    }
    for (name, value) in object {
        let problem = match schema.properties.iter().find(|(property, _)| property == name) {
            None => Some("is not a field of this request".to_owned()),
            Some((_, property)) => resolve(property, &registry)
                .and_then(|property| wrong_value(property, schema.required.contains(&name.as_str()), value)),
        };
        if let Some(problem) = problem {
            wrong.insert(name.chars().take(MAX_NAME_SHOWN).collect(), vec![problem]);
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Failure::invalid_fields(&wrong)) }
}

fn wrong_value(schema: &MetaSchema, is_required: bool, value: &Value) -> Option<String> {
    let fits = match (schema.ty, value) {
        (_, Value::Null) => !is_required,
        ("string", value) => value.is_string(),
        ("boolean", value) => value.is_boolean(),
        ("integer", value) => value.is_i64() || value.is_u64(),
        ("number", value) => value.is_number(),
        ("array", value) => value.is_array(),
        ("object", value) => value.is_object(),
        _ => true,
    };
    if fits && value.is_string() && !schema.enum_items.is_empty() && !schema.enum_items.contains(value) {
        let choices: Vec<_> = schema.enum_items.iter().filter_map(Value::as_str).collect();
        return Some(format!("must be one of {}", choices.join(", ")));
    }
    let article = if schema.ty.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
    (!fits).then(|| format!("must be {article} {}", schema.ty))
}
