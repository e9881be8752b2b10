//! The claims as they stand in a token. Strict in what must be there, silent about what else is: a newer replica may say more.

use chrono::{DateTime, SubsecRound, Utc, serde::ts_seconds};
use portcullis_domain::{
    caller::{Permission, Role},
    id::{CompanyId, SessionId, TokenId, UserId},
    port::AccessClaims,
    token::Stated,
};
use serde::{Deserialize, Serialize};

/// RFC 9068 wants to know which client asked for the token. Portcullis has no other clients than itself.
const CLIENT: &str = "portcullis";

/// An access token's claims.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Access {
    iss: String,
    sub: UserId,
    aud: String,
    client_id: String,
    #[serde(with = "ts_seconds")]
    iat: DateTime<Utc>,
    #[serde(with = "ts_seconds")]
    nbf: DateTime<Utc>,
    #[serde(with = "ts_seconds")]
    exp: DateTime<Utc>,
    jti: TokenId,
    sid: SessionId,
    /// People without a company have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cid: Option<CompanyId>,
    role: Role,
    #[serde(deserialize_with = "Permission::deserialize_known")]
    perms: Vec<Permission>,
}

impl Access {
    /// Times are whole seconds, rounded down: an instant of issue rounded up would lie in the future.
    pub(crate) fn new(iss: &str, aud: &str, claims: &AccessClaims) -> Self {
        let issued_at = claims.issued_at.trunc_subsecs(0);
        Self {
            iss: iss.to_owned(),
            sub: claims.user,
            aud: aud.to_owned(),
            client_id: CLIENT.to_owned(),
            iat: issued_at,
            nbf: issued_at,
            exp: claims.expires_at.trunc_subsecs(0),
            jti: claims.token,
            sid: claims.session,
            cid: claims.company,
            role: claims.role,
            perms: claims.permissions.clone(),
        }
    }

    pub(crate) fn stated(&self) -> Stated<'_> {
        Stated {
            issuer: &self.iss,
            audience: &self.aud,
            issued_at: self.iat,
            not_before: self.nbf,
            expires_at: self.exp,
        }
    }

    /// A role that this replica does not know has already failed to parse, since nothing safe could stand in for it.
    pub(crate) fn into_domain(self) -> AccessClaims {
        AccessClaims {
            token: self.jti,
            user: self.sub,
            session: self.sid,
            company: self.cid,
            role: self.role,
            permissions: self.perms,
            issued_at: self.iat,
            expires_at: self.exp,
        }
    }
}
