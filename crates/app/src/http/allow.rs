use std::collections::HashMap;

use poem::{
    PathPattern,
    http::{HeaderValue, Method},
};
use poem_openapi::{OpenApi, OpenApiService};

/// Which methods a path knows: an answer that refuses one must say which there are (RFC 9110 §15.5.6).
pub(super) struct Allow(HashMap<String, HeaderValue>);

impl Allow {
    pub(super) fn of<A: OpenApi>(_: &OpenApiService<A, ()>) -> Self {
        let mut methods: HashMap<String, Vec<Method>> = HashMap::new();
        for path in A::meta().into_iter().flat_map(|api| api.paths) {
            let operations = path.operations.into_iter().map(|operation| operation.method);
            methods.entry(without_names(&path.path)).or_default().extend(operations);
        }
        Self(methods.into_iter().map(|(path, methods)| (path, list(methods))).collect())
    }

    /// The header's value for a path that matched this pattern. What is not in the API is one of its documents.
    pub(super) fn on(&self, pattern: &PathPattern) -> HeaderValue {
        let known = self.0.get(&without_names(&pattern.0));
        known.cloned().unwrap_or(HeaderValue::from_static("GET, HEAD"))
    }
}

/// A path whose parameters have no names: the router has other ones than the document.
fn without_names(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with([':', '{']) { ":" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn list(mut methods: Vec<Method>) -> HeaderValue {
    if methods.contains(&Method::GET) {
        methods.push(Method::HEAD);
    }
    let mut names: Vec<_> = methods.iter().map(Method::as_str).collect();
    names.sort_unstable();
    HeaderValue::from_str(&names.join(", ")).expect("methods are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_whatever_its_parameters_are_called() {
        assert_eq!(without_names("/users/{id}/sessions/{session_id}"), "/users/:/sessions/:");
        assert_eq!(without_names("/users/:param0/sessions/:param1"), "/users/:/sessions/:");
    }

    #[test]
    fn what_can_be_got_can_be_asked_for_its_head() {
        assert_eq!(list(vec![Method::PUT, Method::GET]), "GET, HEAD, PUT");
        assert_eq!(list(vec![Method::POST]), "POST");
    }
}
