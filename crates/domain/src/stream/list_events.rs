use super::StreamError;
use crate::{
    caller::Caller,
    event::Version,
    id::StreamId,
    identity::Identity,
    port::{EventListQuery, EventPage},
};

impl Identity {
    /// A page of a stream's events, without what is sealed in them.
    pub async fn list_events(
        &self,
        caller: &Caller,
        stream: StreamId,
        query: &EventListQuery,
        limit: usize,
    ) -> Result<EventPage<Version>, StreamError> {
        self.reach_stream(caller, stream).await?;
        Ok(self.ports().event_search.list(stream, query, limit).await?)
    }
}
