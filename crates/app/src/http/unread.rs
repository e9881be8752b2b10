//! What a request sends and nobody reads. It is read to its end and dropped before the answer leaves: a client that is still
//! sending hears the answer, and the connection is fit for the next request.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use poem::{Body, Request, http::header, web::headers::HeaderMapExt};

/// Beyond this the connection is closed after the answer.
const MAX_LENGTH: usize = 8 * 1024 * 1024;
/// How long a client may take over the rest.
const PATIENCE: Duration = Duration::from_secs(2);

/// A request's body, shared between whoever reads it and whoever drops the rest.
#[derive(Clone)]
pub(super) struct Unread(Arc<Mutex<BoxStream<'static, io::Result<Bytes>>>>);

impl Unread {
    /// Shares the body of a request that has one.
    pub(super) fn of(request: &mut Request) -> Option<Self> {
        let length = request.headers().typed_get::<poem::web::headers::ContentLength>();
        let has_body =
            length.is_some_and(|length| length.0 > 0) || request.header(header::TRANSFER_ENCODING).is_some();
        if !has_body {
            return None;
        }
        let body = Self(Arc::new(Mutex::new(request.take_body().into_bytes_stream().boxed())));
        request.set_body(Body::from_bytes_stream(body.clone()));
        Some(body)
    }

    /// Reads and drops the rest; false when that was too much or took too long.
    pub(super) async fn drop_rest(mut self) -> bool {
        let rest = async {
            let mut length = 0;
            while let Some(Ok(chunk)) = self.next().await {
                length += chunk.len();
                if length > MAX_LENGTH {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(PATIENCE, rest).await.unwrap_or(false)
    }
}

impl Stream for Unread {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).poll_next_unpin(context)
    }
}
