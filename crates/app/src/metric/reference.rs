use std::fmt::Write;

use super::{
    Metrics,
    book::{Entry, Label},
};

const INTRODUCTION: &str = "\
# Metrics

<!-- Written by `portcullis metrics`; a test fails when it is stale. `just reference` writes it anew. -->

`GET /metrics` gives them in Prometheus' text format (0.0.4). They are this process's own: each replica is scraped by itself. It takes no
token, since scrapers have none, and tells neither people nor secrets, but it does tell how busy the service is and what it
runs on: keep it inside your network, as [SECURITY.md](../SECURITY.md) says. Scrapes are counted among the requests, under the endpoint `/metrics`.

A count by label appears with the first thing it counts, unless it is known beforehand; then it starts at 0. Durations are
histograms with bounds from 1 ms to 10 s.

| name | kind | labels | meaning |
|---|---|---|---|
";

/// The reference page of all metrics, as Markdown: a line for each that is registered.
pub fn reference() -> String {
    let metrics = Metrics::new();
    metrics.book.entries().iter().fold(INTRODUCTION.to_owned(), |mut page, entry| {
        let Entry { name, kind, about, labels } = entry;
        let _ = writeln!(page, "| `{name}` | {kind} | {} | {about} |", list(labels));
        page
    })
}

fn list(labels: &[Label]) -> String {
    let labels = labels.iter().map(|(name, values)| format!("`{name}`: {values}"));
    labels.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_the_one_that_is_checked_in() {
        let checked_in = include_str!("../../../../docs/metrics.md");
        let stale = "docs/metrics.md is not what the code says any more; write it anew: just reference";
        assert!(reference() == checked_in, "{stale}\n{}", reference());
    }
}
