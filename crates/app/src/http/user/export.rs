use std::{collections::HashMap, io};

use futures::{Stream, StreamExt, stream};
use poem::{
    Body, IntoResponse, Response,
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    web::Data,
};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    payload::{Json, Payload},
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::{ToJSON, Type},
};
use portcullis_domain::{
    Identity,
    audit::Access,
    caller::Caller,
    event::{Actor, Version},
    id::UserId,
    privacy::{Export, ExportError, ExportedEvent, ExportedSnapshot},
    session::{LoginAttempt, LoginFailure},
    stream::StreamState,
    user::Account,
};
use serde_json::Value;
use uuid::Uuid;

use super::UserResponse;
use crate::{
    causes::chain,
    http::{
        Group, api_key::ApiKeyResponse, bearer::Bearer, error::Failed, session::SessionResponse,
        timestamp::Timestamp,
    },
};

pub(in crate::http) struct ExportApi;

/// Everything that is held on a person.
#[derive(Object)]
struct ExportResponse {
    user: UserResponse,
    sessions: Vec<SessionResponse>,
    /// The person's API keys, without what opens them, newest first.
    api_keys: Vec<ApiKeyResponse>,
    /// Attempts to sign in to the account, newest first.
    login_history: Vec<ExportedLoginAttempt>,
    /// Who looked at the person's data, newest first.
    accesses: Vec<ExportedAccess>,
    stream: ExportedStream,
    /// Everything that happened to the account, oldest first.
    events: Vec<ExportedEventResponse>,
    exported_at: Timestamp,
}

/// What is held beside the events of the person's stream.
#[derive(Object)]
struct ExportedStream {
    /// Whether clients may write on it.
    is_active: bool,
    /// What is noted about it.
    metadata: HashMap<String, Value>,
    /// Of the account, newest first.
    snapshots: Vec<ExportedSnapshotResponse>,
}

/// The account as it was at a version.
#[derive(Object)]
struct ExportedSnapshotResponse {
    id: Uuid,
    version: u64,
    created_at: Timestamp,
    /// Null of one that cannot be read.
    state: Option<Value>,
}

/// An attempt to sign in.
#[derive(Object)]
struct ExportedLoginAttempt {
    created_at: Timestamp,
    success: bool,
    failure_reason: Option<String>,
    ip_address: Option<String>,
    user_agent: Option<String>,
}

/// A look at the person's data.
#[derive(Object)]
struct ExportedAccess {
    actor: ExportedActor,
    /// What was looked at: `profile`, `listing`, `sessions`, `login_history`, `stream`.
    what: String,
    recorded_at: Timestamp,
}

/// Who did something.
#[derive(Object)]
struct ExportedActor {
    /// `user`, `api_key` or `system`.
    kind: String,
    id: Option<Uuid>,
}

/// Something that happened to the account.
#[derive(Object)]
struct ExportedEventResponse {
    id: Uuid,
    version: u64,
    #[oai(rename = "type")]
    event_type: String,
    schema_version: u32,
    recorded_at: Timestamp,
    actor: ExportedActor,
    /// The facts.
    data: Value,
    /// What the event says of the person.
    personal: Option<Value>,
    /// Where the person was. Where somebody else was, such as an administrator, is theirs.
    ip_address: Option<String>,
    user_agent: Option<String>,
}

impl From<Actor> for ExportedActor {
    fn from(actor: Actor) -> Self {
        Self { kind: actor.kind().to_owned(), id: actor.id() }
    }
}

impl From<LoginAttempt> for ExportedLoginAttempt {
    fn from(attempt: LoginAttempt) -> Self {
        Self {
            created_at: attempt.at.into(),
            success: attempt.failure.is_none(),
            failure_reason: attempt.failure.map(|failure| LoginFailure::as_str(failure).to_owned()),
            ip_address: attempt.origin.ip_address.map(|address| address.to_string()),
            user_agent: attempt.origin.user_agent,
        }
    }
}

impl From<Access> for ExportedAccess {
    fn from(access: Access) -> Self {
        Self {
            actor: access.actor.into(),
            what: access.what.as_str().to_owned(),
            recorded_at: access.at.into(),
        }
    }
}

impl From<ExportedEvent> for ExportedEventResponse {
    fn from(ExportedEvent { event, facts, origin }: ExportedEvent) -> Self {
        let origin = origin.unwrap_or_default();
        let data = event.event.data.as_str();
        Self {
            id: event.event.id.into(),
            version: event.version,
            event_type: event.event.event_type.to_string(),
            schema_version: event.event.schema_version,
            recorded_at: event.event.recorded_at.into(),
            actor: event.event.actor.into(),
            // Whatever else a store may hold is shown as it is.
            data: serde_json::from_str(data).unwrap_or_else(|_| data.into()),
            personal: facts,
            ip_address: origin.ip_address.map(|address| address.to_string()),
            user_agent: origin.user_agent,
        }
    }
}

impl ExportedStream {
    fn new(state: Option<StreamState>, snapshots: Vec<ExportedSnapshot>) -> Self {
        let snapshots =
            snapshots.into_iter().map(|ExportedSnapshot { snapshot, state }| ExportedSnapshotResponse {
                id: snapshot.id.into(),
                version: snapshot.version,
                created_at: snapshot.created_at.into(),
                state,
            });
        Self {
            is_active: state.as_ref().is_none_or(|state| state.is_active),
            metadata: state.map(|state| state.metadata.into_iter().collect()).unwrap_or_default(),
            snapshots: snapshots.collect(),
        }
    }
}

impl ExportResponse {
    /// Without the events.
    fn new(export: Export, caller: &Caller, exported_at: Timestamp) -> Self {
        let sessions = export.sessions.into_iter();
        Self {
            user: Account { user: export.user, membership: export.membership }.into(),
            sessions: sessions.map(|session| SessionResponse::new(session, caller.session)).collect(),
            api_keys: export.api_keys.into_iter().map(Into::into).collect(),
            login_history: export.login_history.into_iter().map(Into::into).collect(),
            accesses: export.accesses.into_iter().map(Into::into).collect(),
            stream: ExportedStream::new(export.stream, export.snapshots),
            events: Vec::new(),
            exported_at,
        }
    }

    /// The document's text up to where its events begin.
    fn opening(&self) -> String {
        let mut document = self.to_json().unwrap_or_default();
        if let Some(fields) = document.as_object_mut() {
            fields.remove("events");
        }
        let text = document.to_string();
        let open = text.strip_suffix('}').expect("an object is written as one");
        format!("{open},\"events\":[")
    }
}

/// A document that is written while it is sent: a history may be long.
struct ExportDocument {
    user: UserId,
    body: Body,
}

impl IntoResponse for ExportDocument {
    fn into_response(self) -> Response {
        let disposition = format!("attachment; filename=\"portcullis-{}.json\"", self.user);
        self.body
            .with_header(CONTENT_TYPE, Json::<ExportResponse>::CONTENT_TYPE)
            .with_header(CONTENT_DISPOSITION, disposition)
            .into_response()
    }
}

impl ApiResponse for ExportDocument {
    fn meta() -> MetaResponses {
        let disposition = MetaHeader {
            name: CONTENT_DISPOSITION.to_string(),
            description: Some("That it is a file to be kept, and its name.".to_owned()),
            required: true,
            deprecated: false,
            schema: String::schema_ref(),
        };
        let document = MetaMediaType {
            content_type: Json::<ExportResponse>::CONTENT_TYPE,
            schema: ExportResponse::schema_ref(),
        };
        let response = MetaResponse {
            description: "",
            status: Some(200),
            status_range: None,
            content: vec![document],
            headers: vec![disposition],
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        ExportResponse::register(registry);
    }
}

#[OpenApi(prefix_path = "/api/v1/users", tag = "Group::Users")]
impl ExportApi {
    /// Everything that is held on the caller, history included, as a file.
    ///
    /// A document that ends before its last brace was broken off: ask again.
    #[oai(path = "/me/export", method = "get", operation_id = "export_self")]
    async fn export(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
    ) -> Result<ExportDocument, Failed<ExportError>> {
        let caller = bearer.0;
        let export = identity.export(&caller).await?;
        let now = identity.ports().clock.now().into();
        let opening = ExportResponse::new(export, &caller, now).opening();
        let user = caller.user;
        let events = events(identity.0.clone(), caller);
        let text = stream::once(async { Ok(opening) }).chain(events);
        Ok(ExportDocument { user, body: Body::from_bytes_stream(text) })
    }
}

/// The text of all events, a page at a time, and the end of the document.
fn events(identity: Identity, caller: Caller) -> impl Stream<Item = io::Result<String>> + Send + 'static {
    stream::try_unfold(Some(0), move |after| {
        let (identity, caller) = (identity.clone(), caller.clone());
        async move {
            let Some(after) = after else { return Ok(None) };
            let page = identity.export_events(&caller, after).await.map_err(|error| {
                tracing::warn!(reason = chain(&error), "a person's copy of their data was broken off");
                io::Error::other(error)
            })?;
            let next = page.last().map(|last| last.event.version);
            Ok::<_, io::Error>(Some((page_text(page, after), next)))
        }
    })
}

fn page_text(page: Vec<ExportedEvent>, after: Version) -> String {
    if page.is_empty() {
        return "]}".to_owned();
    }
    let events = page.into_iter().map(|event| ExportedEventResponse::from(event).to_json_string());
    let text = events.collect::<Vec<_>>().join(",");
    if after == 0 { text } else { format!(",{text}") }
}
