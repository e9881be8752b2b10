use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use portcullis_domain::{
    event::EventType,
    port::{Message, PublishError, Publisher, Unroutable},
};

/// A broker in this process: queues that take the messages whose types fit their patterns, until somebody reads them.
///
/// It says what a broker elsewhere would: a message that no queue takes fails its call, and so does every message while it is
/// [stopped](Self::stop). What its queues hold ends with the process.
#[derive(Debug, Default)]
pub struct Broker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_stopped: bool,
    queues: BTreeMap<String, Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    patterns: Vec<String>,
    messages: Vec<Message>,
}

impl Broker {
    /// A broker without queues, started.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on the queue, made where there is none, takes what fits the pattern too: words between dots, where `*` stands
    /// for one word and `#` for any number of them, as in a topic exchange of AMQP 0-9-1 (§3.1.3.3).
    pub fn bind(&self, queue: &str, pattern: &str) {
        let mut state = self.state();
        state.queues.entry(queue.to_owned()).or_default().patterns.push(pattern.to_owned());
    }

    /// Takes the queue away, with what it holds.
    pub fn remove(&self, queue: &str) {
        self.state().queues.remove(queue);
    }

    /// Takes everything out of the queue, oldest first.
    pub fn take(&self, queue: &str) -> Vec<Message> {
        self.state()
            .queues
            .get_mut(queue)
            .map(|queue| std::mem::take(&mut queue.messages))
            .unwrap_or_default()
    }

    /// From now on every call fails. The queues keep what they hold.
    pub fn stop(&self) {
        self.state().is_stopped = true;
    }

    /// Ends a [`stop`](Self::stop).
    pub fn start(&self) {
        self.state().is_stopped = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics while it is held")
    }
}

impl State {
    /// False when no queue takes it.
    fn deliver(&mut self, message: &Message) -> bool {
        let mut is_taken = false;
        for queue in self.queues.values_mut().filter(|queue| queue.takes(&message.event_type)) {
            queue.messages.push(message.clone());
            is_taken = true;
        }
        is_taken
    }
}

impl Queue {
    fn takes(&self, event_type: &EventType) -> bool {
        let words: Vec<_> = event_type.as_str().split('.').collect();
        self.patterns.iter().any(|pattern| fits(&pattern.split('.').collect::<Vec<_>>(), &words))
    }
}

fn fits(pattern: &[&str], words: &[&str]) -> bool {
    match pattern {
        [] => words.is_empty(),
        ["#", rest @ ..] => (0..=words.len()).any(|skipped| fits(rest, &words[skipped..])),
        [first, rest @ ..] => words
            .split_first()
            .is_some_and(|(word, words)| (first == word || *first == "*") && fits(rest, words)),
    }
}

#[async_trait]
impl Publisher for Broker {
    async fn publish(&self, messages: &[Message]) -> Result<(), PublishError> {
        let mut state = self.state();
        if state.is_stopped {
            return Err(PublishError::Unavailable("the broker in memory is stopped".into()));
        }
        let unroutable = messages.iter().filter(|message| !state.deliver(message));
        let unroutable: Vec<_> = unroutable.map(Unroutable::from).collect();
        if unroutable.is_empty() { Ok(()) } else { Err(PublishError::Unroutable(unroutable)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_as_in_a_topic_exchange() {
        let fits = |pattern: &str, text: &str| {
            fits(&pattern.split('.').collect::<Vec<_>>(), &text.split('.').collect::<Vec<_>>())
        };
        let fitting = [
            ("#", "user.created"),
            ("*.created", "user.created"),
            ("user.*", "user.created"),
            ("user.#", "user"),
            ("#.created", "created"),
            ("#.b.#", "a.b.c.b.d"),
            ("user.created", "user.created"),
        ];
        for (pattern, text) in fitting {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        let others = [
            ("*", "user.created"),
            ("user.*", "user"),
            ("user", "user.created"),
            ("user.created", "user"),
            ("#.b", "a.b.c"),
            ("User.*", "user.created"),
        ];
        for (pattern, text) in others {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }
}
