use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{Stream, stream};
use portcullis_domain::{
    caller::Caller, event::Version, id::StreamId, session::AuthenticateError, stream::ReachError,
};
use tokio::{
    sync::{Notify, mpsc, watch},
    time::{self, Instant},
};

use super::{Frame, Hub, LONGEST_RETRY, Limits, seat::Seat};
use crate::{causes::chain, metric::FeedEnd};

/// A line that readers pass over: it keeps the connection from being taken for dead.
const HEARTBEAT: &[u8] = b":\n\n";
/// How long a reader waits before it connects again, in milliseconds; each adds to it, so that they do not come back all at once.
const RECONNECT: u64 = 1_000;
const RECONNECT_SPREAD: u64 = 2_000;

/// What happens on a stream, for one reader.
pub(crate) struct Feed {
    hub: Arc<Hub>,
    _seat: Seat,
    caller: Caller,
    stream: StreamId,
    /// The version that was given last.
    last: Version,
    number: u64,
    frames: mpsc::Receiver<Frame>,
    missed: Arc<Notify>,
    closed: watch::Receiver<bool>,
    /// What was read from the store and is to be given.
    page: VecDeque<Frame>,
    /// Whether the store may have more than the queue.
    is_behind: bool,
    /// Since when there has been more to give than the reader takes.
    slow_since: Option<Instant>,
    next_check: Instant,
    retry: Duration,
    greeting: Option<Bytes>,
    end: Option<FeedEnd>,
}

/// What a feed waits for.
enum Turn {
    Frame(Option<Frame>),
    Missed,
    Silent,
    Check,
    Closed,
}

impl Feed {
    #[expect(clippy::too_many_arguments, reason = "the hub alone makes one")]
    pub(super) fn new(
        hub: Arc<Hub>,
        seat: Seat,
        caller: Caller,
        stream: StreamId,
        after: Version,
        number: u64,
        frames: mpsc::Receiver<Frame>,
        missed: Arc<Notify>,
    ) -> Self {
        let reconnect = RECONNECT + number.wrapping_mul(997) % RECONNECT_SPREAD;
        Self {
            caller,
            stream,
            last: after,
            number,
            frames,
            missed,
            closed: hub.closed.subscribe(),
            page: VecDeque::new(),
            is_behind: true,
            slow_since: None,
            next_check: Instant::now() + hub.limits.check,
            retry: Duration::ZERO,
            greeting: Some(format!("retry: {reconnect}\n\n").into()),
            end: None,
            hub,
            _seat: seat,
        }
    }

    /// What is sent, until the feed ends.
    pub(crate) fn into_stream(self) -> impl Stream<Item = Bytes> + Send + 'static {
        stream::unfold(self, |mut feed| async move { feed.next().await.map(|text| (text, feed)) })
    }

    /// The next text to send; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(greeting) = self.greeting.take() {
            return Some(greeting);
        }
        let heartbeat = Instant::now() + self.limits().heartbeat;
        loop {
            if *self.closed.borrow() {
                return self.ended(FeedEnd::Stopped);
            }
            if self.next_check <= Instant::now() && !self.is_allowed().await {
                return self.ended(FeedEnd::Refused);
            }
            if self.slow_since.is_some_and(|since| since.elapsed() > self.limits().patience) {
                return self.ended(FeedEnd::Slow);
            }
            if let Some(frame) = self.page.pop_front() {
                self.last = frame.version;
                return Some(frame.text);
            }
            if self.is_behind {
                self.read().await;
                // While the store is away there is nothing to give for long.
                if self.page.is_empty() && heartbeat <= Instant::now() {
                    return Some(Bytes::from_static(HEARTBEAT));
                }
                continue;
            }
            self.slow_since = None;
            match self.turn(heartbeat).await {
                Turn::Frame(Some(frame)) if frame.version == self.last + 1 => {
                    self.last = frame.version;
                    return Some(frame.text);
                }
                // Given already.
                Turn::Frame(Some(frame)) if frame.version <= self.last => {}
                Turn::Frame(Some(_)) => self.is_behind = true,
                Turn::Missed => self.fall_behind(),
                Turn::Silent => return Some(Bytes::from_static(HEARTBEAT)),
                Turn::Check => {}
                Turn::Frame(None) | Turn::Closed => return self.ended(FeedEnd::Stopped),
            }
        }
    }

    /// Goes back to the store, which has whatever the queue has, and what had no place there.
    fn fall_behind(&mut self) {
        let waiting = self.frames.len();
        while self.frames.try_recv().is_ok() {}
        self.is_behind = true;
        // Otherwise it is the hub that sees nothing.
        if waiting > self.limits().queue / 2 {
            self.slow_since = Some(Instant::now());
        }
    }

    /// Waits for something to do.
    async fn turn(&mut self, heartbeat: Instant) -> Turn {
        tokio::select! {
            biased;
            _ = self.closed.wait_for(|is_closed| *is_closed) => Turn::Closed,
            () = self.missed.notified() => Turn::Missed,
            frame = self.frames.recv() => Turn::Frame(frame),
            () = time::sleep_until(self.next_check) => Turn::Check,
            () = time::sleep_until(heartbeat) => Turn::Silent,
        }
    }

    /// Reads the next page from the store. While the store is away the reader waits; it misses nothing.
    async fn read(&mut self) {
        let limit = self.limits().page;
        let events = &self.hub.identity.ports().events;
        match events.read_stream(self.stream, self.last, limit).await {
            Ok(events) => {
                self.is_behind = events.len() == limit;
                let render = self.hub.render;
                self.page
                    .extend(events.iter().map(|event| Frame { version: event.version, text: render(event) }));
                self.retry = Duration::ZERO;
            }
            Err(error) => {
                tracing::debug!("a live feed waits for the store: {}", chain(&error));
                self.retry = (self.retry * 2).clamp(Duration::from_millis(100), LONGEST_RETRY);
                time::sleep(self.retry).await;
            }
        }
    }

    /// Whether whoever reads is signed in still and may still see the stream. A store that is away tells nothing new, and has no new events to show.
    async fn is_allowed(&mut self) -> bool {
        self.next_check = Instant::now() + self.limits().check;
        let identity = &self.hub.identity;
        let caller = match identity.reauthenticate(&self.caller).await {
            Ok(caller) => caller,
            Err(AuthenticateError::Store(_)) => return true,
            Err(AuthenticateError::TokenInvalid | AuthenticateError::TokenExpired) => return false,
        };
        match identity.reach_stream(&caller, self.stream).await {
            Ok(_) => {
                self.caller = caller;
                true
            }
            Err(ReachError::Store(_)) => true,
            Err(ReachError::NotFound) => false,
        }
    }

    fn ended(&mut self, end: FeedEnd) -> Option<Bytes> {
        self.end = Some(end);
        None
    }

    fn limits(&self) -> &Limits {
        &self.hub.limits
    }
}

/// However it ended: by itself, or with its connection.
impl Drop for Feed {
    fn drop(&mut self) {
        self.hub.leave(self.stream, self.number);
        // A connection that was given up while something waited for its reader was given up for being slow, or as good as that.
        let is_waited_for = !self.page.is_empty() || self.slow_since.is_some() || !self.frames.is_empty();
        let end = self.end.unwrap_or(if is_waited_for { FeedEnd::Slow } else { FeedEnd::Left });
        self.hub.metrics.ended(end);
    }
}
