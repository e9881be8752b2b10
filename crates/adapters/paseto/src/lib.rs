//! Access and refresh tokens as [PASETO](https://github.com/paseto-standard/paseto-spec) version 4.
//!
//! * An access token is `v4.public`: signed, so that any service that has the public key verifies it without a call. Its
//!   claims are `iss`, `sub`, `aud`, `iat`, `nbf`, `exp`, `jti`, `sid`, `role` and `perms`, its footer names the key
//!   (`{"kid":"k4.pid.…"}`), and it has no implicit assertion, so that any PASETO library can verify it.
//! * A refresh token is `v4.local`: encrypted, since nobody but this service has a use for what it says.
//!
//! What a token claims of itself is never believed: the header is the one the caller asks for, and the footer only chooses
//! among this service's own keys, by comparison with the footers those keys write.

mod checkpoint;
mod claims;
mod key;
mod token;
mod verifier;

pub use checkpoint::{CheckpointKeys, PublicCheckpointKeys, PublicKeyError};
pub use key::{KeyError, PublicKey};
pub use token::{Paseto, PasetoError};
pub use verifier::PasetoVerifier;
