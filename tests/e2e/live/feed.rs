//! A reader of Server-Sent Events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>), as a page with `fetch` is one.

use serde_json::Value;
use tokio::time::timeout;

use crate::{client, server::PATIENCE};

/// An open feed.
pub(crate) struct Feed {
    response: reqwest::Response,
    text: String,
    read: usize,
}

/// An event as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) id: u64,
    pub(crate) data: Value,
}

impl Feed {
    /// Opens a feed, or says with which status it was refused, and why.
    pub(crate) async fn open(
        url: &str,
        stream: &str,
        access: &str,
        after: Option<u64>,
    ) -> Result<Self, (u16, Value)> {
        let http = client::http_builder().pool_max_idle_per_host(0).build().expect("a client");
        let mut request = http.get(format!("{url}/api/v1/stream/live/{stream}")).bearer_auth(access);
        if let Some(after) = after {
            request = request.header("Last-Event-ID", after);
        }
        let response = request.send().await.map_err(|_| (0, Value::Null))?;
        if response.status() != 200 {
            return Err((response.status().as_u16(), response.json().await.unwrap_or_default()));
        }
        Ok(Self { response, text: String::new(), read: 0 })
    }

    pub(crate) fn content_type(&self) -> &str {
        self.response.headers()["content-type"].to_str().expect("a text")
    }

    /// Everything that has come.
    pub(crate) fn read_so_far(&self) -> &str {
        &self.text
    }

    /// The next event; `None` when the feed has ended.
    pub(crate) async fn next(&mut self) -> Option<Received> {
        timeout(PATIENCE, self.next_at_last()).await.expect("an event in time")
    }

    /// As [`next`](Self::next), however long it takes.
    pub(crate) async fn next_at_last(&mut self) -> Option<Received> {
        loop {
            while let Some(length) = self.text[self.read..].find("\n\n") {
                let block = &self.text[self.read..self.read + length];
                let event = parse(block);
                self.read += length + 2;
                if event.is_some() {
                    return event;
                }
            }
            let chunk = self.response.chunk().await.ok().flatten()?;
            self.text.push_str(std::str::from_utf8(&chunk).expect("whole characters"));
        }
    }

    /// Reads on until the feed ends.
    pub(crate) async fn drain(&mut self) {
        while self.next().await.is_some() {}
    }
}

fn parse(block: &str) -> Option<Received> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
    let id = field("id: ")?.parse().expect("a version");
    Some(Received { id, data: serde_json::from_str(field("data: ")?).expect("JSON") })
}
