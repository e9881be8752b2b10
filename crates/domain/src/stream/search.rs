use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;
use uuid::Uuid;

use super::ReachError;
use crate::{
    caller::{Caller, Permission},
    event::{Event, EventType},
    id::{CompanyId, EventId, StreamId, uuid_v7},
    identity::Identity,
    port::{EventPage, EventScope, EventSearchQuery, StoreError},
    value::Violations,
};

/// How long a text to look for may be, in characters.
const MAX_TEXT: usize = 200;

/// Which events are looked for: those that meet all of it, on streams that the caller may see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchEvents {
    /// Of this type.
    pub event_type: Option<String>,
    /// Done by the user or API key with this id.
    pub actor: Option<Uuid>,
    /// On this stream.
    pub stream: Option<StreamId>,
    /// On the streams of this company and its members.
    pub company: Option<CompanyId>,
    /// Since this time, and then.
    pub since: Option<DateTime<Utc>>,
    /// Before this time.
    pub until: Option<DateTime<Utc>>,
    /// With this text in their data.
    pub text: Option<String>,
    /// Before this event in the search's order, the newest first.
    pub before: Option<EventId>,
    /// How many at most.
    pub limit: usize,
}

/// Why nothing was looked for.
#[derive(Debug, Error)]
pub enum SearchEventsError {
    /// The text is too long to look for.
    #[error(transparent)]
    Invalid(#[from] Violations),
    /// There is no such stream, or none for the caller.
    #[error("no such stream")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ReachError> for SearchEventsError {
    fn from(error: ReachError) -> Self {
        match error {
            ReachError::NotFound => Self::NotFound,
            ReachError::Store(error) => Self::Store(error),
        }
    }
}

impl SearchEvents {
    fn check(&self) -> Result<(), Violations> {
        let mut violations = Violations::default();
        if self.text.as_ref().is_some_and(|text| text.chars().count() > MAX_TEXT) {
            violations.field("text").refuse(format_args!("must be at most {MAX_TEXT} characters"));
        }
        violations.into_result(Some(()))
    }

    fn query(&self, scope: EventScope) -> EventSearchQuery {
        EventSearchQuery {
            scope,
            event_type: self.event_type.as_ref().map(EventType::new),
            actor: self.actor,
            from: self.since.map(first_id),
            // To the end of the millisecond; what is of the millisecond itself is looked at more closely.
            to: self
                .until
                .map(|until| first_id(until.checked_add_signed(TimeDelta::milliseconds(1)).unwrap_or(until))),
            text: self.text.as_deref().filter(|text| !text.is_empty()).map(as_written),
        }
    }

    /// Ids tell the time to the millisecond alone.
    fn is_within(&self, event: &Event) -> bool {
        let at = event.event.recorded_at;
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }
}

/// The least id of a moment's millisecond.
fn first_id(at: DateTime<Utc>) -> EventId {
    // 48 bits of milliseconds end in the year 10889.
    const LAST: i64 = (1 << 48) - 1;
    let at = DateTime::from_timestamp_millis(at.timestamp_millis().clamp(0, LAST)).unwrap_or_default();
    uuid_v7(at, [0; 10]).into()
}

/// A text as it stands in JSON.
fn as_written(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

impl Identity {
    /// A page of the events that are looked for, the newest first, without what is sealed in them. It may come short, and even empty, where many
    /// had to be looked at: `next` says whether that was all.
    pub async fn search_events(
        &self,
        caller: &Caller,
        asked: &SearchEvents,
    ) -> Result<EventPage<EventId>, SearchEventsError> {
        asked.check()?;
        let Some(scope) = self.search_scope(caller, asked).await? else {
            return Ok(EventPage { events: Vec::new(), next: None });
        };
        let mut page =
            self.ports().event_search.search(&asked.query(scope), asked.before, asked.limit).await?;
        page.events.retain(|event| asked.is_within(event));
        Ok(page)
    }

    /// What is asked for, as far as the caller reaches; `None` is nowhere.
    async fn search_scope(
        &self,
        caller: &Caller,
        asked: &SearchEvents,
    ) -> Result<Option<EventScope>, ReachError> {
        let own = EventScope::Stream(caller.user.into());
        if let Some(stream) = asked.stream {
            self.reach_stream(caller, stream).await?;
            let is_of_company = match asked.company {
                None => true,
                Some(company) => self.is_of_company(stream, company).await?,
            };
            return Ok(is_of_company.then_some(EventScope::Stream(stream)));
        }
        let sees_all = caller.require(Permission::StreamRead).is_ok();
        let managed = self.managed_company(caller).await?;
        Ok(match asked.company {
            Some(company) if sees_all || managed == Some(company) => Some(EventScope::Company(company)),
            Some(company) => self.is_of_company(caller.user.into(), company).await?.then_some(own),
            None if sees_all => Some(EventScope::All),
            None => Some(managed.map_or(own, EventScope::Company)),
        })
    }

    async fn is_of_company(&self, stream: StreamId, company: CompanyId) -> Result<bool, StoreError> {
        Ok(stream == company.into() || self.is_stream_of_member(stream, company).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_ids_and_never_leave_out_what_is_within_them() {
        let at = |microseconds| DateTime::UNIX_EPOCH + TimeDelta::microseconds(microseconds);
        let asked =
            SearchEvents { since: Some(at(5_300)), until: Some(at(7_100)), ..SearchEvents::default() };
        let query = asked.query(EventScope::All);
        let (from, to) = (query.from.expect("given"), query.to.expect("given"));
        for (microseconds, is_within) in [(4_999, false), (5_000, true), (7_999, true), (8_000, false)] {
            let id: EventId = uuid_v7(at(microseconds), [0xff; 10]).into();
            assert_eq!(id >= from && id < to, is_within, "{microseconds}");
        }
    }

    #[test]
    fn times_beyond_all_ids_are_no_times_before_them() {
        let id = |at| first_id(at);
        assert!(id(DateTime::<Utc>::MIN_UTC) < id(DateTime::UNIX_EPOCH + TimeDelta::milliseconds(1)));
        assert!(
            id(DateTime::<Utc>::MAX_UTC - TimeDelta::days(1))
                > id(DateTime::UNIX_EPOCH + TimeDelta::days(400_000))
        );
    }

    #[test]
    fn a_text_is_looked_for_as_it_is_written() {
        assert_eq!(as_written("a \"b\" \\ é\n"), r#"a \"b\" \\ é\n"#);
    }
}
