use crate::{
    event::{Event, NewEvent},
    id::StreamId,
    identity::Identity,
    port::StoreError,
    user::{User, UserEvent},
    value::Language,
};

/// How far is looked back on a stream.
const LOOKED_BACK: u64 = 100;
/// How many events at the beginning tell the language of the registration.
const BEGINNING: u64 = 3;

impl Identity {
    /// What happened to an account lately before a version, and at its beginning, oldest first.
    pub async fn events_before(&self, stream: StreamId, version: u64) -> Result<Vec<NewEvent>, StoreError> {
        let events = &self.ports().events;
        let last = version.saturating_sub(1);
        let lately_after = last.saturating_sub(LOOKED_BACK);
        let limit = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let mut found = events.read_stream(stream, 0, limit(BEGINNING.min(lately_after))).await?;
        found.extend(events.read_stream(stream, lately_after, limit(last - lately_after)).await?);
        Ok(found.into_iter().map(|Event { event, .. }| event).collect())
    }

    /// The language to write to somebody in: the one that was asked for, or else that of the last mail that was asked for.
    pub(super) async fn language_to(
        &self,
        user: &User,
        asked: Option<Language>,
    ) -> Result<Language, StoreError> {
        match asked {
            Some(language) => Ok(language),
            None => Ok(last_language(&self.events_before(user.stream(), user.version + 1).await?)),
        }
    }
}

/// The language of the last mail among these events that somebody asked for; English where there is none.
pub fn last_language(events: &[NewEvent]) -> Language {
    events.iter().rev().find_map(language_of).unwrap_or_default()
}

fn language_of(event: &NewEvent) -> Option<Language> {
    match UserEvent::read(event, None).ok()? {
        UserEvent::VerificationRequested { language, .. }
        | UserEvent::PasswordResetRequested { language, .. } => Some(language),
        _ => None,
    }
}
