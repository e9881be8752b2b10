use thiserror::Error;

use crate::{
    api_key::ApiKeySecret,
    caller::Origin,
    id::SessionId,
    identity::{Act, Identity, Tries},
    port::StoreError,
    session::decide_revocation,
    user::SessionEnd,
    value::Secret,
};

/// Why a token may still be good.
#[derive(Debug, Error)]
pub enum RevokeTokenError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Identity {
    /// Ends what a token stands for: the session of an access or refresh token with all of its tokens, or an API key. To have it is proof
    /// enough. Of a token that is not good nothing comes, and nobody is told.
    pub async fn revoke_token(&self, token: &Secret, origin: &Origin) -> Result<(), RevokeTokenError> {
        if ApiKeySecret::is_meant_by(token) {
            let Ok(text) = ApiKeySecret::parse(token) else { return Ok(()) };
            return Ok(self.revoke_presented_api_key(&text, origin).await?);
        }
        let now = self.now();
        let session = match self.verify_access(token, now).await? {
            Ok(claims) => claims.session,
            // An older generation ends its session too: whoever else has it should not.
            Err(_) => match self.verify_refresh(token, now).await? {
                Ok(claims) => claims.session,
                Err(_) => return Ok(()),
            },
        };
        Ok(self.end_presented_session(session, origin).await?)
    }

    async fn end_presented_session(&self, id: SessionId, origin: &Origin) -> Result<(), StoreError> {
        let mut tries = Tries::many();
        loop {
            let Some(session) = self.ports().sessions.find(id).await? else { return Ok(()) };
            // The account first: its version guards the session, which is read again.
            let Some(user) = self.ports().users.find(session.user).await? else { return Ok(()) };
            let Some(session) = self.ports().sessions.find(id).await? else { return Ok(()) };
            let now = self.now();
            let decision = decide_revocation([&session], now, SessionEnd::Revoked);
            if decision.events.is_empty() {
                return Ok(());
            }
            let key = self.data_key_of(&user).await?;
            let act = Act::own(user.id, origin, now);
            match self.record(user.id, Some(&user), &key, &act, decision).await {
                Ok(_) => {
                    self.forget_ended(&[id]).await;
                    return Ok(());
                }
                Err(error) => tries.again(error)?,
            }
        }
    }
}
