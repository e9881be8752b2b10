use std::collections::HashMap;

use poem::{
    PathPattern,
    http::{HeaderValue, Method},
};
use poem_openapi::{OpenApi, OpenApiService};

/// Every path that the service has, by its nameless form: the router has other names for parameters than the document.
pub(super) struct Routes(HashMap<String, Route>);

struct Route {
    /// The path as the document has it, such as `/api/v1/users/{id}`.
    path: String,
    /// An answer that refuses a method must say which ones there are (RFC 9110 §15.5.6).
    allow: HeaderValue,
}

impl Routes {
    /// Those of the API, and these beside it, which can only be got.
    pub(super) fn of<A: OpenApi>(_: &OpenApiService<A, ()>, beside: &[&str]) -> Self {
        let mut methods: HashMap<String, Vec<Method>> = HashMap::new();
        for path in A::meta().into_iter().flat_map(|api| api.paths) {
            let operations = path.operations.into_iter().map(|operation| operation.method);
            methods.entry(path.path).or_default().extend(operations);
        }
        methods.extend(beside.iter().map(|path| ((*path).to_owned(), vec![Method::GET])));
        let routes = methods.into_iter().map(|(path, methods)| {
            let nameless = without_names(&path);
            (nameless, Route { path, allow: list(methods) })
        });
        Self(routes.collect())
    }

    /// What `Allow` says for a path that matched this pattern.
    pub(super) fn allow(&self, pattern: &PathPattern) -> HeaderValue {
        let known = self.0.get(&without_names(&pattern.0));
        known.map_or(HeaderValue::from_static("GET, HEAD"), |route| route.allow.clone())
    }

    /// The pattern as the document has it; `None` for one that there is not.
    pub(super) fn path(&self, pattern: &PathPattern) -> Option<&str> {
        self.0.get(&without_names(&pattern.0)).map(|route| route.path.as_str())
    }

    /// The pattern of the route that a path would find, where the router's own word is lost: after a panic, or when time ran out.
    pub(super) fn find(&self, path: &str) -> Option<&str> {
        let exact = self.0.get(path).map(|route| route.path.as_str());
        exact.or_else(|| {
            let fitting = self.0.iter().filter(|(pattern, _)| fits(pattern, path));
            // A part that is written out goes before a parameter.
            let closest = fitting
                .min_by_key(|(pattern, _)| pattern.split('/').map(|part| part == ":").collect::<Vec<_>>());
            closest.map(|(_, route)| route.path.as_str())
        })
    }
}

/// A path whose parameters have no names.
fn without_names(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with([':', '{']) { ":" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn fits(nameless: &str, path: &str) -> bool {
    let (mut pattern, mut parts) = (nameless.split('/'), path.split('/'));
    loop {
        match (pattern.next(), parts.next()) {
            (None, None) => return true,
            (Some(":"), Some(part)) if !part.is_empty() => {}
            (Some(written), Some(part)) if written == part => {}
            _ => return false,
        }
    }
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

    fn routes(paths: &[&str]) -> Routes {
        let route = |path: &str| Route { path: path.to_owned(), allow: list(vec![Method::GET]) };
        Routes(paths.iter().map(|path| (without_names(path), route(path))).collect())
    }

    #[test]
    fn a_path_is_found_whatever_its_parameters_are_called() {
        let routes = routes(&["/users/{id}/sessions/{session_id}"]);
        let pattern = PathPattern("/users/:param0/sessions/:param1".into());
        assert_eq!(routes.path(&pattern), Some("/users/{id}/sessions/{session_id}"));
        assert_eq!(routes.path(&PathPattern("/users/:param0".into())), None);
    }

    #[test]
    fn a_path_finds_its_pattern_as_the_router_would() {
        let routes = routes(&["/users/{id}", "/users/me", "/users/{id}/role"]);
        assert_eq!(routes.find("/users/me"), Some("/users/me"));
        assert_eq!(routes.find("/users/7"), Some("/users/{id}"));
        assert_eq!(routes.find("/users/me/role"), Some("/users/{id}/role"));
        for path in ["/users/", "/users", "/users/7/roles", "/users/:/role/x", ""] {
            assert_eq!(routes.find(path), None, "{path}");
        }
    }

    #[test]
    fn what_can_be_got_can_be_asked_for_its_head() {
        assert_eq!(list(vec![Method::PUT, Method::GET]), "GET, HEAD, PUT");
        assert_eq!(list(vec![Method::POST]), "POST");
    }
}
