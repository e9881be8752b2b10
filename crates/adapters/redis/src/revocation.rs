//! News of sessions that were revoked or whose account has changed, from every replica to every replica.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt};
use portcullis_domain::id::SessionId;
use redis::{Msg, RedisResult, aio::PubSub};
use tokio::{
    sync::mpsc::{self, Receiver, Sender, error::TrySendError},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tracing::{info, warn};
use uuid::Uuid;

use crate::{Options, Redis, connection::Server};

/// News that wait for a listener who is busy. Beyond it they are dropped, and the listener is told so.
const WAITING: usize = 1_024;

/// What a listener is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// A session has ended, on whichever replica.
    Of(SessionId),
    /// A session lives, and its account has changed: what is remembered of it is to be forgotten.
    Changed(SessionId),
    /// Some may have been missed before this: whatever is remembered of sessions is to be forgotten. Comes first of all, after
    /// each outage once the server is listened to again, and when a listener was too slow.
    Missed,
}

/// A stream of [`Revocation`]s without an end. See [`Redis::revocations`].
pub struct Revocations(Receiver<Revocation>);

impl Stream for Revocations {
    type Item = Revocation;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Revocation>> {
        self.0.poll_recv(context)
    }
}

impl std::fmt::Debug for Revocations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Revocations")
    }
}

impl Redis {
    /// Sessions revoked or changed from now on, by any replica (this one too), from a connection of its own that is made again by itself.
    /// For a cache in front of this one. Goes on until it is dropped.
    pub fn revocations(&self) -> Revocations {
        let (sender, receiver) = mpsc::channel(WAITING);
        let listener = Listener { sender, has_missed: false };
        tokio::spawn(listen(self.connections.server().clone(), self.options.clone(), listener));
        Revocations(receiver)
    }
}

/// The channel's name.
pub(crate) fn channel(prefix: &str) -> String {
    format!("{prefix}revocations")
}

/// The name of the channel for sessions that live and whose account has changed.
pub(crate) fn change_channel(prefix: &str) -> String {
    format!("{prefix}changes")
}

/// What is published: the sessions' ids, one after the other.
pub(crate) fn message(sessions: &[SessionId]) -> Vec<u8> {
    sessions.iter().flat_map(|session| *session.as_uuid().as_bytes()).collect()
}

fn sessions(message: &[u8]) -> impl Iterator<Item = SessionId> {
    let (ids, _) = message.as_chunks();
    ids.iter().map(|id| SessionId::new(Uuid::from_bytes(*id)))
}

/// Whom the news are for.
struct Listener {
    sender: Sender<Revocation>,
    has_missed: bool,
}

impl Listener {
    /// Never waits: what came meanwhile would pile up without a bound.
    fn tell(&mut self, revocation: Revocation) {
        self.tell_what_was_missed();
        if self.has_missed {
            return;
        }
        if let Err(TrySendError::Full(_)) = self.sender.try_send(revocation) {
            self.has_missed = true;
        }
    }

    fn tell_what_was_missed(&mut self) {
        if self.has_missed && self.sender.try_send(Revocation::Missed).is_ok() {
            self.has_missed = false;
        }
    }
}

/// Listens, again and again, until nobody is there to be told.
async fn listen(server: Server, options: Options, mut listener: Listener) {
    let closed = listener.sender.clone();
    let listening = async {
        let mut is_away = false;
        loop {
            match subscribe(&server, &options).await {
                Ok(subscription) => {
                    if is_away {
                        info!(%server, "revocations of other replicas are heard again");
                    }
                    is_away = false;
                    listener.has_missed = true;
                    follow(subscription, &options, &mut listener).await;
                }
                Err(error) if !is_away => {
                    is_away = true;
                    warn!(%server, error, "revocations of other replicas are not heard");
                }
                Err(_) => {}
            }
            sleep(options.probe_interval).await;
        }
    };
    tokio::select! {
        () = closed.closed() => {}
        () = listening => {}
    }
}

async fn subscribe(server: &Server, options: &Options) -> Result<PubSub, String> {
    let subscription = timeout(options.start_timeout, async {
        let mut subscription = server.client().get_async_pubsub().await?;
        let prefix = &options.key_prefix;
        subscription.subscribe(&[channel(prefix), change_channel(prefix)]).await?;
        RedisResult::Ok(subscription)
    });
    match subscription.await {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {:?}", options.start_timeout)),
    }
}

/// Passes on what comes until the connection is lost. One that is silent is asked now and then: it may be lost too.
async fn follow(subscription: PubSub, options: &Options, listener: &mut Listener) {
    let (mut sink, mut messages) = subscription.split();
    let changes = change_channel(&options.key_prefix);
    let mut tick = interval(options.probe_interval.max(Duration::from_millis(1)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(message) => pass_on(&message, &changes, listener),
                None => return,
            },
            _ = tick.tick() => {
                listener.tell_what_was_missed();
                let answer = timeout(options.deadline, sink.ping::<redis::Value>()).await;
                if !matches!(answer, Ok(Ok(_))) {
                    return;
                }
            }
        }
    }
}

fn pass_on(message: &Msg, changes: &str, listener: &mut Listener) {
    let news = if message.get_channel_name() == changes { Revocation::Changed } else { Revocation::Of };
    for session in sessions(message.get_payload_bytes()) {
        listener.tell(news(session));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u128) -> SessionId {
        SessionId::new(Uuid::from_u128(number))
    }

    #[test]
    fn a_message_names_every_session() {
        let all = [session(1), session(u128::MAX)];
        assert_eq!(sessions(&message(&all)).collect::<Vec<_>>(), all);
        assert_eq!(sessions(&[]).count(), 0);
        assert_eq!(sessions(b"not one of ours").count(), 0);
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_that_it_missed_some() {
        let (sender, mut receiver) = mpsc::channel(2);
        let mut listener = Listener { sender, has_missed: false };
        for number in 1..=4 {
            listener.tell(Revocation::Of(session(number)));
        }
        assert_eq!(receiver.recv().await, Some(Revocation::Of(session(1))));
        listener.tell(Revocation::Of(session(5)));
        let mut told = Vec::new();
        while let Ok(revocation) = receiver.try_recv() {
            told.push(revocation);
        }
        listener.tell_what_was_missed();
        assert_eq!(told, [Revocation::Of(session(2)), Revocation::Missed]);
        assert_eq!(receiver.recv().await, Some(Revocation::Missed), "the fifth came when there was no room");
    }
}
