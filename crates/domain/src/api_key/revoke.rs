use thiserror::Error;

use super::{
    ApiKey, ApiKeyEnd, ApiKeyEvent, ApiKeySecret,
    owner::{ApiKeyDecision, Held},
};
use crate::{
    caller::{Caller, Origin},
    commit::RowChange,
    id::ApiKeyId,
    identity::{Act, Decision, Identity, Tries},
    port::StoreError,
    user::UserEvent,
};

/// Why no key was ended.
#[derive(Debug, Error)]
pub enum RevokeApiKeyError {
    /// There is no such key, or it is none that the caller deals with.
    #[error("no such key")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decides the end of a key.
pub(super) fn decide(key: &ApiKey, reason: ApiKeyEnd) -> ApiKeyDecision {
    ApiKeyDecision {
        event: ApiKeyEvent::Revoked { api_key_id: key.id, reason },
        rows: vec![RowChange::DeleteApiKey(key.id)],
    }
}

/// Decides the end of all of a person's keys, for a commit that does more.
pub(crate) fn decide_all(keys: &[ApiKey], reason: ApiKeyEnd) -> Decision {
    let mut all = Decision::default();
    for ApiKeyDecision { event, rows } in keys.iter().map(|key| decide(key, reason)) {
        all.events.push(UserEvent::ApiKey(event));
        all.rows.extend(rows);
    }
    all
}

impl Identity {
    /// Ends a key of the caller's, or of their company's. Every replica asks the store of each key that it is shown, so it is dead at once
    /// everywhere.
    pub async fn revoke_api_key(
        &self,
        caller: &Caller,
        id: ApiKeyId,
        origin: &Origin,
    ) -> Result<(), RevokeApiKeyError> {
        let mut tries = Tries::many();
        loop {
            let (held, key) = self.key_of(caller, id).await?.ok_or(RevokeApiKeyError::NotFound)?;
            let act = self.act_on(&held, caller, origin, self.now()).await?;
            match self.record_api_key(&held, &act, decide(&key, ApiKeyEnd::Revoked)).await {
                Ok(()) => return Ok(()),
                Err(error) => tries.again(error)?,
            }
        }
    }

    /// Ends the key whose text somebody gives back: that they have it is proof enough. Of a text that opens nothing nothing comes.
    pub(crate) async fn revoke_presented_api_key(
        &self,
        text: &ApiKeySecret,
        origin: &Origin,
    ) -> Result<(), StoreError> {
        let mut tries = Tries::many();
        loop {
            let now = self.now();
            let Some(found) = self.ports().api_keys.find_by_prefix(text.prefix()).await? else {
                return Ok(());
            };
            // The owner first: its version guards the key, which is read again.
            let Some(held) = self.held(found.owner).await? else { return Ok(()) };
            let key = self.ports().api_keys.find_by_prefix(text.prefix()).await?;
            let Some(key) = key.filter(|key| key.is_opened_by(text, now)) else { return Ok(()) };
            let act = match &held {
                // As a person's own act: what is sealed of where it came from goes with them.
                Held::User(user) => Act::own(user.id, origin, now),
                Held::Company(_) => Act::of_api_key(key.id, origin, now),
            };
            match self.record_api_key(&held, &act, decide(&key, ApiKeyEnd::Presented)).await {
                Ok(()) => return Ok(()),
                Err(error) => tries.again(error)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api_key::tests::key;

    #[test]
    fn a_key_that_ends_is_named_and_its_row_goes() {
        let (key, _) = key(1);
        let decision = decide(&key, ApiKeyEnd::Revoked);
        let reason = ApiKeyEnd::Revoked;
        assert_eq!(decision.event, ApiKeyEvent::Revoked { api_key_id: key.id, reason });
        assert_eq!(decision.rows, [RowChange::DeleteApiKey(key.id)]);
    }

    #[test]
    fn all_of_a_persons_keys_end_one_by_one() {
        let keys = [key(1).0, key(2).0];
        let decision = decide_all(&keys, ApiKeyEnd::PasswordReset);
        assert_eq!((decision.events.len(), decision.rows.len()), (2, 2));
        assert_eq!(decide_all(&[], ApiKeyEnd::PasswordReset), Decision::default());
    }
}
