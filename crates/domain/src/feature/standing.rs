//! What the use cases on a feature share: the feature as it stands, and the commit of what was decided about it.

use chrono::{DateTime, Utc};

use super::{Feature, FeatureEvent, FeatureName};
use crate::{
    caller::{Caller, Origin},
    commit::{Append, Commit, CommitError, Expected, RowChange},
    event::{EventType, NewEvent, StreamKind, Version},
    id::FeatureId,
    identity::{Act, Identity},
    port::StoreError,
    seal::DataKey,
};

/// A feature, and a version of its stream that it is not older than.
pub(super) struct Standing {
    pub(super) feature: Feature,
    pub(super) version: Version,
}

/// What was decided about a feature.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FeatureDecision {
    pub(super) event: FeatureEvent,
    pub(super) rows: Vec<RowChange>,
}

impl Identity {
    /// A feature by its name. Its stream's version is read before the row is read again: what changes the feature in between makes the
    /// commit conflict. The row keeps no version, so that each count of accesses need not write it.
    pub(super) async fn standing_of_feature(
        &self,
        name: &FeatureName,
    ) -> Result<Option<Standing>, StoreError> {
        let Some(found) = self.ports().features.find(name).await? else { return Ok(None) };
        let head = self.ports().events.head(found.stream()).await?;
        let version = head.map_or(0, |head| head.version);
        let again = self.ports().features.find(name).await?;
        Ok(again.filter(|again| again.id == found.id).map(|feature| Standing { feature, version }))
    }

    /// Commits what a caller decided about a feature; returns the feature after it.
    pub(super) async fn record_feature(
        &self,
        (caller, origin): (&Caller, &Origin),
        id: FeatureId,
        before: Option<&Standing>,
        decision: FeatureDecision,
        now: DateTime<Utc>,
    ) -> Result<Option<Feature>, CommitError> {
        let FeatureDecision { event, rows } = decision;
        let mut commit = Commit::default();
        let key = if before.is_some() {
            self.feature_key(id).await?
        } else {
            let (key, row) = self.new_data_key(id.into());
            commit.rows.push(row);
            key
        };
        let act = self.act_of(caller, origin, now).await?;
        let feature = before.map(|standing| &standing.feature);
        let after = Feature::apply(feature.cloned(), id, &event, now);
        commit.claims = Feature::claims_between(feature, after.as_ref());
        commit.appends.push(Append {
            stream: id.into(),
            kind: StreamKind::Feature,
            expected: before.map_or(Expected::New, |standing| Expected::Exactly(standing.version)),
            events: vec![self.feature_event(id, &event, &key, &act)],
        });
        commit.rows.extend(after.clone().map(|feature| RowChange::PutFeature(Box::new(feature))));
        commit.rows.extend(rows);
        self.ports().events.commit(commit).await?;
        Ok(after)
    }

    fn feature_event(&self, id: FeatureId, event: &FeatureEvent, key: &DataKey, act: &Act<'_>) -> NewEvent {
        let kind = (event.event_type(), event.schema_version());
        self.seal_event(kind, event.data(), None, id.into(), key, act)
    }

    /// Counts for a feature's stream: nobody's act, or a key's; nothing of it is sealed.
    pub(super) fn accessed(
        &self,
        id: FeatureId,
        actor: crate::event::Actor,
        event: &FeatureEvent,
        now: DateTime<Utc>,
    ) -> Append {
        Append {
            stream: id.into(),
            kind: StreamKind::Feature,
            // Whatever else has happened, this has too.
            expected: Expected::Any,
            events: vec![NewEvent {
                id: self.new_id(now),
                event_type: EventType::new(event.event_type()),
                schema_version: event.schema_version(),
                actor,
                data: event.data(),
                personal: None,
                recorded_at: now,
            }],
        }
    }

    /// A feature's data key, which is never destroyed: it seals where those were who changed the feature, each under a key of their own.
    async fn feature_key(&self, id: FeatureId) -> Result<DataKey, StoreError> {
        self.data_key(id.into()).await?.ok_or_else(|| StoreError::corrupt("a feature without a data key"))
    }
}
