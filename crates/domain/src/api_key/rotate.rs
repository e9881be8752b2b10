use std::time::Duration;

use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{ApiKey, ApiKeyEvent, ApiKeySecret, IssuedApiKey, PreviousSecret, owner::ApiKeyDecision};
use crate::{
    caller::{Caller, Origin},
    commit::RowChange,
    id::ApiKeyId,
    identity::{Identity, Tries},
    port::StoreError,
};

/// Why no key got a new secret.
#[derive(Debug, Error)]
pub enum RotateApiKeyError {
    /// There is no such key, or it is none that the caller deals with, or it has run out.
    #[error("no such key")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decides a new secret for a key. The one before is good for the overlap still, and one before that no more.
pub(super) fn decide(
    key: &ApiKey,
    text: &ApiKeySecret,
    overlap: Duration,
    now: DateTime<Utc>,
) -> Result<(ApiKeyDecision, ApiKey), RotateApiKeyError> {
    if !key.is_live(now) {
        return Err(RotateApiKeyError::NotFound);
    }
    let good_until = now + overlap;
    let rotated = ApiKey {
        secret: text.hash(),
        previous: Some(PreviousSecret { secret: key.secret, good_until }),
        ..key.clone()
    };
    let event = ApiKeyEvent::Rotated { api_key_id: key.id, previous_good_until: good_until };
    Ok((ApiKeyDecision { event, rows: vec![RowChange::PutApiKey(Box::new(rotated.clone()))] }, rotated))
}

impl Identity {
    /// Gives a key of the caller's, or of their company's, a new secret.
    pub async fn rotate_api_key(
        &self,
        caller: &Caller,
        id: ApiKeyId,
        origin: &Origin,
    ) -> Result<IssuedApiKey, RotateApiKeyError> {
        let mut tries = Tries::many();
        loop {
            let (held, key) = self.key_of(caller, id).await?.ok_or(RotateApiKeyError::NotFound)?;
            let text = ApiKeySecret::generate_under(key.prefix.clone(), self.ports().entropy.as_ref());
            let now = self.now();
            let (decision, key) = decide(&key, &text, self.policy().api_key_rotation_overlap, now)?;
            let act = self.act_on(&held, caller, origin, now).await?;
            match self.record_api_key(&held, &act, decision).await {
                Ok(()) => return Ok(IssuedApiKey { key, text }),
                Err(error) => tries.again(error)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api_key::tests::{NOW, key},
        testing::SeededEntropy,
    };

    const OVERLAP: Duration = Duration::from_secs(60);

    #[test]
    fn both_secrets_are_good_for_the_overlap_and_the_new_one_after_it() {
        let (before, old) = key(1);
        let new = ApiKeySecret::generate_under(before.prefix.clone(), &SeededEntropy::new(5));
        let (decision, after) = decide(&before, &new, OVERLAP, NOW).expect("rotates");
        assert_eq!(decision.rows, [RowChange::PutApiKey(Box::new(after.clone()))]);
        for (text, at, is_good) in
            [(&old, NOW, true), (&new, NOW, true), (&old, NOW + OVERLAP, false), (&new, NOW + OVERLAP, true)]
        {
            assert_eq!(after.is_opened_by(text, at), is_good);
        }
        assert_eq!((after.expires_at, after.features), (before.expires_at, before.features));
    }

    #[test]
    fn a_second_rotation_ends_the_secret_before_the_first_at_once() {
        let (key, first) = key(1);
        let entropy = SeededEntropy::new(5);
        let texts = [(), ()].map(|()| ApiKeySecret::generate_under(key.prefix.clone(), &entropy));
        let (_, key) = decide(&key, &texts[0], OVERLAP, NOW).expect("rotates");
        let (_, key) = decide(&key, &texts[1], OVERLAP, NOW).expect("rotates");
        assert_eq!(
            [&first, &texts[0], &texts[1]].map(|text| key.is_opened_by(text, NOW)),
            [false, true, true]
        );
    }

    #[test]
    fn without_overlap_the_old_secret_ends_at_once() {
        let (before, old) = key(1);
        let new = ApiKeySecret::generate_under(before.prefix.clone(), &SeededEntropy::new(5));
        let (_, after) = decide(&before, &new, Duration::ZERO, NOW).expect("rotates");
        assert!(!after.is_opened_by(&old, NOW));
    }

    #[test]
    fn a_key_that_has_run_out_is_not_brought_back() {
        let (before, old) = key(1);
        assert!(matches!(
            decide(&before, &old, OVERLAP, before.expires_at),
            Err(RotateApiKeyError::NotFound)
        ));
    }
}
