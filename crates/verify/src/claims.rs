use std::ops::Deref;

use portcullis_domain::{caller::Permission, port::AccessClaims};

use crate::Refusal;

/// What a good token says: who, in which session, with what permissions. As of when it was issued: what was revoked since, no
/// token tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims(AccessClaims);

impl Claims {
    pub(crate) const fn new(claims: AccessClaims) -> Self {
        Self(claims)
    }

    /// Whether a permission is among those of the token.
    pub fn has(&self, permission: Permission) -> bool {
        self.0.permissions.contains(&permission)
    }

    /// Refuses a token without a permission.
    pub fn require(&self, permission: Permission) -> Result<(), Refusal> {
        if self.has(permission) { Ok(()) } else { Err(Refusal::Forbidden { required: permission }) }
    }

    /// The claims themselves.
    pub fn into_inner(self) -> AccessClaims {
        self.0
    }
}

impl Deref for Claims {
    type Target = AccessClaims;

    fn deref(&self) -> &AccessClaims {
        &self.0
    }
}
