use poem::http::Method;
use prometheus::{HistogramVec, IntCounterVec};

use super::{
    Answered,
    book::{Book, Label},
};

/// What stands for every path that no route has: who asks for a million of them makes one label, not a million.
const UNKNOWN: &str = "unknown";
/// What stands for every method that no route could know; a client may make up as many as it likes.
const OTHER: &str = "OTHER";

const METHOD: Label = ("method", "a method that routes may know, or `OTHER`");
const ENDPOINT: Label = ("endpoint", "the route's pattern, such as `/api/v1/users/{id}`, or `unknown`");

/// Requests and how long they took.
pub(crate) struct HttpMetrics {
    requests: IntCounterVec,
    durations: HistogramVec,
}

impl HttpMetrics {
    pub(super) fn new(book: &mut Book) -> Self {
        Self {
            requests: book.counters(
                "http_requests_total",
                &[METHOD, ENDPOINT, ("status", "the answer's status")],
                "Requests that were answered, those for the metrics themselves included.",
            ),
            durations: book.durations_by(
                "http_request_duration_seconds",
                &[METHOD, ENDPOINT],
                "From a request's headers to its answer's.",
            ),
        }
    }

    pub(super) fn answered(&self, answered: &Answered<'_>) {
        let method = method(answered.method);
        let endpoint = answered.endpoint.unwrap_or(UNKNOWN);
        self.requests.with_label_values(&[method, endpoint, &answered.status.to_string()]).inc();
        self.durations.with_label_values(&[method, endpoint]).observe(answered.elapsed.as_secs_f64());
    }
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answered<'a>(method: &'a Method, endpoint: Option<&'a str>, status: u16) -> Answered<'a> {
        Answered {
            method,
            endpoint,
            status,
            code: None,
            is_expired: false,
            elapsed: Duration::from_millis(20),
        }
    }

    #[test]
    fn a_request_is_counted_under_its_pattern_and_its_time_with_it() {
        let mut book = Book::default();
        let http = HttpMetrics::new(&mut book);
        http.answered(&answered(&Method::GET, Some("/users/{id}"), 200));
        http.answered(&answered(&Method::GET, Some("/users/{id}"), 404));
        let text = book.text();
        let endpoint = r#"endpoint="/users/{id}",method="GET""#;
        for line in [
            format!(r#"http_requests_total{{{endpoint},status="200"}} 1"#),
            format!(r#"http_requests_total{{{endpoint},status="404"}} 1"#),
            format!(r#"http_request_duration_seconds_bucket{{{endpoint},le="0.01"}} 0"#),
            format!(r#"http_request_duration_seconds_bucket{{{endpoint},le="0.025"}} 2"#),
            format!("http_request_duration_seconds_count{{{endpoint}}} 2"),
        ] {
            assert!(text.lines().any(|is| is == line), "no {line} in:\n{text}");
        }
    }

    #[test]
    fn whatever_methods_and_paths_are_made_up_they_make_one_label() {
        let mut book = Book::default();
        let http = HttpMetrics::new(&mut book);
        for number in 0..100 {
            let method = Method::from_bytes(format!("BREW{number}").as_bytes()).expect("a method");
            http.answered(&answered(&method, None, 404));
        }
        let text = book.text();
        let counts: Vec<_> = text.lines().filter(|line| line.starts_with("http_requests_total")).collect();
        assert_eq!(counts, [r#"http_requests_total{endpoint="unknown",method="OTHER",status="404"} 100"#]);
    }
}
