//! The claims as they stand in a token. Strict in what must be there, silent about what else is: a newer replica may say more.

use chrono::{DateTime, SubsecRound, Utc};
use portcullis_domain::{
    caller::{Permission, Role},
    id::{CompanyId, SessionId, TokenId, UserId},
    port::{AccessClaims, RefreshClaims},
    token::Stated,
};
use serde::{Deserialize, Serialize};

/// Who issued a token, for whom, and when it is good: what both kinds of token say.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Bounds {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) iat: DateTime<Utc>,
    pub(crate) nbf: DateTime<Utc>,
    pub(crate) exp: DateTime<Utc>,
}

/// An access token's claims.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Access {
    #[serde(flatten)]
    pub(crate) bounds: Bounds,
    sub: UserId,
    jti: TokenId,
    sid: SessionId,
    /// People without a company have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cid: Option<CompanyId>,
    role: Role,
    #[serde(deserialize_with = "Permission::deserialize_known")]
    perms: Vec<Permission>,
}

/// A refresh token's claims.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Refresh {
    #[serde(flatten)]
    pub(crate) bounds: Bounds,
    sid: SessionId,
    generation: u64,
}

impl Bounds {
    /// Times are whole seconds, rounded down: an instant of issue rounded up would lie in the future.
    pub(crate) fn new(iss: &str, aud: &str, issued_at: DateTime<Utc>, expires_at: DateTime<Utc>) -> Self {
        let issued_at = issued_at.trunc_subsecs(0);
        Self {
            iss: iss.to_owned(),
            aud: aud.to_owned(),
            iat: issued_at,
            nbf: issued_at,
            exp: expires_at.trunc_subsecs(0),
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
}

impl Access {
    pub(crate) fn new(bounds: Bounds, claims: &AccessClaims) -> Self {
        Self {
            bounds,
            sub: claims.user,
            jti: claims.token,
            sid: claims.session,
            cid: claims.company,
            role: claims.role,
            perms: claims.permissions.clone(),
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
            issued_at: self.bounds.iat,
            expires_at: self.bounds.exp,
        }
    }
}

impl Refresh {
    pub(crate) fn new(bounds: Bounds, claims: &RefreshClaims) -> Self {
        Self { bounds, sid: claims.session, generation: claims.generation }
    }

    pub(crate) fn into_domain(self) -> RefreshClaims {
        RefreshClaims {
            session: self.sid,
            generation: self.generation,
            issued_at: self.bounds.iat,
            expires_at: self.bounds.exp,
        }
    }
}
