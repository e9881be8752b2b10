//! Input of people who mean ill, or whose programs are broken: each gets the documented error, and the service goes on.

mod body;
mod connection;
mod token;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::{
    client::{self, Answer, Client, PASSWORD},
    server::Server,
};

const EMAIL: &str = "jane@example.com";
/// An id of nobody and nothing: past the path a request is judged by its body.
const NOBODY: &str = "0192f3d4-0000-7000-8000-000000000000";

const FORM: &str = "application/x-www-form-urlencoded";

/// A route of the OpenAPI document: whatever is added there is attacked too.
#[derive(Clone, Debug)]
struct Route {
    method: Method,
    path: String,
    needs_bearer: bool,
    /// What its body holds, where it takes one.
    body: Option<Vec<Field>>,
    /// Whether that may be a form too.
    takes_forms: bool,
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    kind: String,
    is_required: bool,
}

/// A service under attack, by somebody who has an account there.
struct Target {
    server: Server,
    client: Client,
    http: reqwest::Client,
    access: String,
    routes: Vec<Route>,
}

impl Target {
    async fn start() -> Self {
        let server = Server::start();
        let client = Client::of(&server);
        let access = client.signed_in(&server, EMAIL).await.access;
        let http = client::http();
        let document = http.get(format!("{}/openapi.json", server.url())).send().await.expect("an answer");
        let document: Value = document.json().await.expect("JSON");
        let routes = routes(&document);
        assert!(routes.len() >= 11, "{routes:#?}");
        assert!(routes.iter().filter(|route| route.body.is_some()).count() >= 6, "{routes:#?}");
        Self { server, client, http, access, routes }
    }

    /// The routes that take a body.
    fn with_body(&self) -> Vec<(Route, Vec<Field>)> {
        let with_body = self.routes.iter().filter_map(|route| Some((route.clone(), route.body.clone()?)));
        with_body.collect()
    }

    fn request(&self, route: &Route) -> reqwest::RequestBuilder {
        let request = self.http.request(route.method.clone(), format!("{}{}", self.server.url(), route.path));
        if route.needs_bearer { request.bearer_auth(&self.access) } else { request }
    }

    /// Sends a body that says it is JSON. What did succeed may have been a sign-out: then they sign in again.
    async fn send(&mut self, route: &Route, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(route).header("Content-Type", "application/json").body(body);
        self.finish(route, request).await
    }

    async fn finish(&mut self, route: &Route, request: reqwest::RequestBuilder) -> Answer {
        let answer = self.client.send(request).await;
        assert!(answer.status < 500, "{route:?}: {} {:#}", answer.status, answer.body);
        if answer.status >= 400 {
            let code = answer.body["error_code"].as_str().expect("a code").to_owned();
            answer.expect_error(answer.status, &code);
        } else if route.needs_bearer {
            self.access = self.client.login(EMAIL, PASSWORD).await.tokens().access;
        }
        answer
    }

    /// It still answers, and nothing in it broke.
    async fn expect_well(&self) {
        self.client.login(EMAIL, PASSWORD).await.expect(200);
        let ready = self.http.get(format!("{}/health/readiness", self.server.url())).send().await;
        assert_eq!(ready.expect("an answer").status(), 200);
        let log = self.server.log();
        let complaints =
            log.lines().filter(|line| line.contains("panic") || line.contains(r#""level":"ERROR""#));
        assert_eq!(complaints.collect::<Vec<_>>(), Vec::<&str>::new());
    }
}

fn routes(document: &Value) -> Vec<Route> {
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            let needs_bearer = operation["security"].as_array().is_some_and(|needed| !needed.is_empty());
            let body = operation.get("requestBody").map(|body| fields(document, body));
            let takes_forms = operation["requestBody"]["content"].get(FORM).is_some();
            // A path's parameters are ids.
            let path = path.split('/').map(|part| if part.starts_with('{') { NOBODY } else { part });
            let path = path.collect::<Vec<_>>().join("/");
            routes.push(Route { method, path, needs_bearer, body, takes_forms });
        }
    }
    routes
}

fn fields(document: &Value, body: &Value) -> Vec<Field> {
    let content = body["content"].as_object().expect("content").values().next().expect("a type");
    let name = content["schema"]["$ref"].as_str().expect("a named schema");
    let schema = document.pointer(name.trim_start_matches('#')).expect("the schema");
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let properties = schema["properties"].as_object().expect("properties");
    let field = |(name, property): (&String, &Value)| Field {
        name: name.clone(),
        kind: kind(document, property).expect("a type").to_owned(),
        is_required: required.contains(&json!(name)),
    };
    properties.iter().map(field).collect()
}

/// A property's type, its own or that of the schema it refers to.
fn kind<'a>(document: &'a Value, property: &'a Value) -> Option<&'a str> {
    let referred = property["$ref"].as_str().or_else(|| property["allOf"][0]["$ref"].as_str());
    let referred = referred.and_then(|name| document.pointer(name.trim_start_matches('#')));
    property["type"].as_str().or_else(|| referred?["type"].as_str())
}

/// A body with a plausible value in each required field.
fn plausible(fields: &[Field]) -> Map<String, Value> {
    let value = |field: &Field| match (field.name.as_str(), field.kind.as_str()) {
        ("email", _) => json!("mallory@example.com"),
        ("password" | "current_password", _) => json!(PASSWORD),
        ("role", _) => json!("member"),
        ("code", _) => json!("000000"),
        (_, "boolean") => json!(false),
        (_, "integer" | "number") => json!(1),
        (_, "array") => json!([]),
        (_, "object") => json!({}),
        _ => json!("Mallory"),
    };
    fields.iter().filter(|field| field.is_required).map(|field| (field.name.clone(), value(field))).collect()
}
