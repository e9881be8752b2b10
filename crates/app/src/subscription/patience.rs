use std::time::Duration;

use portcullis_domain::id::EventId;

/// How often an event that fails by itself is tried before it is put aside.
pub(super) const MAX_TRIES: u32 = 5;
/// The wait after the first try; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// How often events were refused that are handled together: they wait together, however many they are.
#[derive(Debug, Default)]
pub(super) struct Patience(Vec<(EventId, u32)>);

impl Patience {
    /// Notes which events were refused now, in their order, and returns how many from the first on have been tried often enough.
    /// Those refused before and not now were handled.
    pub(super) fn refused(&mut self, events: impl Iterator<Item = EventId>) -> usize {
        let before = std::mem::take(&mut self.0);
        let tries = |event| before.iter().find(|(known, _)| *known == event).map_or(0, |(_, tries)| *tries);
        self.0 = events.map(|event| (event, tries(event) + 1)).collect();
        self.0.iter().take_while(|(_, tries)| *tries >= MAX_TRIES).count()
    }

    /// How long to wait before the next try, where there is something to be tried again.
    pub(super) fn wait(&self) -> Option<Duration> {
        let (_, tries) = self.0.iter().find(|(_, tries)| *tries < MAX_TRIES)?;
        Some(FIRST_WAIT * 2_u32.pow(tries - 1))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn events(numbers: std::ops::Range<u128>) -> impl Iterator<Item = EventId> {
        numbers.map(|number| Uuid::from_u128(number).into())
    }

    #[test]
    fn however_many_events_are_refused_they_wait_together_and_are_given_up_together() {
        let mut patience = Patience::default();
        let mut waited = Duration::ZERO;
        for _ in 1..MAX_TRIES {
            assert_eq!(patience.refused(events(0..100)), 0);
            waited += patience.wait().expect("there is another try");
        }
        assert_eq!(patience.refused(events(0..100)), 100);
        assert_eq!(patience.wait(), None);
        assert_eq!(waited, Duration::from_millis(1_500));
    }

    #[test]
    fn an_event_that_is_refused_later_has_tries_of_its_own() {
        let mut patience = Patience::default();
        for _ in 1..MAX_TRIES {
            assert_eq!(patience.refused(events(0..2)), 0);
        }
        assert_eq!(patience.refused(events(0..4)), 2);
        assert_eq!(patience.wait(), Some(FIRST_WAIT));
        for _ in 2..MAX_TRIES {
            assert_eq!(patience.refused(events(2..4)), 0);
        }
        assert_eq!(patience.refused(events(2..4)), 2);
    }

    #[test]
    fn an_event_that_was_handled_meanwhile_is_forgotten() {
        let mut patience = Patience::default();
        for _ in 1..MAX_TRIES {
            patience.refused(events(0..1));
        }
        assert_eq!(patience.refused(events(1..2)), 0);
        assert_eq!(patience.refused(events(0..1)), 0);
        assert_eq!(patience.wait(), Some(FIRST_WAIT));
    }

    #[test]
    fn those_behind_one_that_is_tried_again_are_not_given_up_before_it() {
        let mut patience = Patience::default();
        for _ in 1..MAX_TRIES {
            patience.refused(events(1..2));
        }
        assert_eq!(patience.refused(events(0..2)), 0);
    }
}
