use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{FieldChanges, Sight, StreamError, changes};
use crate::{
    audit::{Access, Accessed},
    caller::Caller,
    event::{Event, Version},
    id::{AccessId, StreamId},
    identity::Identity,
    port::StoreError,
};

/// What happened to a stream and who looked at it, in the order of time.
#[derive(Clone, Debug, PartialEq)]
pub enum HistoryItem {
    /// An event, a snapshot's among them, with what it changed.
    Event(Box<Event>, FieldChanges),
    /// A look at what is sealed.
    Access(Access),
}

/// A place in a history: how far its events and its looks were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryCursor {
    version: Version,
    access: Option<(DateTime<Utc>, AccessId)>,
}

/// A page of a history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryPage {
    /// What happened, oldest first.
    pub items: Vec<HistoryItem>,
    /// Where the next page begins; `None` when this was the last.
    pub next: Option<HistoryCursor>,
}

/// What comes next of two lists.
enum Step {
    Event(Event),
    Access(Access),
}

/// Merges events, in the order of their versions, and looks, in that of their times: each keeps its own order, whatever clocks said.
fn merge(
    events: Vec<Event>,
    accesses: Vec<Access>,
    from: HistoryCursor,
    limit: usize,
) -> (Vec<Step>, Option<HistoryCursor>) {
    let (mut events, mut accesses) = (events.into_iter().peekable(), accesses.into_iter().peekable());
    let (mut steps, mut cursor) = (Vec::new(), from);
    while steps.len() < limit {
        let is_event = match (events.peek(), accesses.peek()) {
            (Some(event), Some(access)) => event.event.recorded_at <= access.at,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return (steps, None),
        };
        if is_event {
            steps.extend(events.next().map(|event| {
                cursor.version = event.version;
                Step::Event(event)
            }));
        } else {
            steps.extend(accesses.next().map(|access| {
                cursor.access = Some((access.at, access.id));
                Step::Access(access)
            }));
        }
    }
    let has_more = events.peek().is_some() || accesses.peek().is_some();
    (steps, has_more.then_some(cursor))
}

impl Identity {
    /// A page of a stream's history, what is sealed in it opened as far as it is for the caller. That they looked is recorded before.
    pub async fn stream_history(
        &self,
        caller: &Caller,
        stream: StreamId,
        after: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<HistoryPage, StreamError> {
        let reached = self.reach_stream(caller, stream).await?;
        let ports = self.ports();
        let from = after.unwrap_or_default();
        let events = ports.events.read_stream(stream, from.version, limit + 1).await?;
        // Who looked is for those who are looked at, and for those who may look at everything.
        let accesses = match reached.sight {
            Sight::Own | Sight::All => ports.accesses.list_since(stream, from.access, limit + 1).await?,
            Sight::Contact | Sight::Events => Vec::new(),
        };
        let (steps, next) = merge(events, accesses, from, limit);
        let key = self.data_key(uuid::Uuid::from(stream).into()).await?;
        let mut items = Vec::with_capacity(steps.len());
        for step in steps {
            items.push(match step {
                Step::Event(event) => {
                    let changes = changes::of(&event, key.as_ref(), reached.sight);
                    HistoryItem::Event(Box::new(event), changes.map_err(StoreError::corrupt)?)
                }
                Step::Access(access) => HistoryItem::Access(access),
            });
        }
        if reached.is_look_at_another() {
            self.note_accesses(caller, [stream], Accessed::Stream).await?;
        }
        Ok(HistoryPage { items, next })
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;
    use crate::{
        event::{Actor, EventData, EventHash, EventType, NewEvent, StreamKind},
        id::EventId,
    };

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn stream() -> StreamId {
        StreamId::new(Uuid::from_u128(1))
    }

    fn event(version: Version, second: i64) -> Event {
        let event = NewEvent {
            id: EventId::new(Uuid::from_u128(version.into())),
            event_type: EventType::new("a.b"),
            schema_version: 1,
            actor: Actor::System,
            data: EventData::from_stored("{}"),
            personal: None,
            recorded_at: at(second),
        };
        Event::chained(event, version, stream(), StreamKind::User, version, EventHash::GENESIS)
    }

    fn access(second: i64) -> Access {
        let id = AccessId::new(Uuid::from_u128(second.unsigned_abs().into()));
        Access { id, stream: stream(), actor: Actor::System, what: Accessed::Stream, at: at(second) }
    }

    fn names(steps: &[Step]) -> Vec<String> {
        let name = |step: &Step| match step {
            Step::Event(event) => format!("v{}", event.version),
            Step::Access(access) => format!("a{}", access.at.timestamp()),
        };
        steps.iter().map(name).collect()
    }

    #[test]
    fn both_are_told_in_the_order_of_time_in_pages_of_any_size() {
        // The third event's clock was behind: it is told after the second all the same.
        let events = [event(1, 10), event(2, 30), event(3, 20), event(4, 40)];
        let accesses = [access(5), access(25), access(35), access(50)];
        let expected = ["a5", "v1", "a25", "v2", "v3", "a35", "v4", "a50"];
        for limit in 1..=9 {
            let (mut told, mut from) = (Vec::new(), HistoryCursor::default());
            loop {
                let events = events.iter().filter(|event| event.version > from.version).take(limit + 1);
                let accesses = accesses
                    .iter()
                    .filter(|access| from.access.is_none_or(|after| (access.at, access.id) > after))
                    .take(limit + 1);
                let (steps, next) =
                    merge(events.cloned().collect(), accesses.cloned().collect(), from, limit);
                told.extend(names(&steps));
                match next {
                    Some(next) => from = next,
                    None => break,
                }
            }
            assert_eq!(told, expected, "in pages of {limit}");
        }
    }
}
