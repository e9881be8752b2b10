//! Access tokens as JSON Web Tokens of RFC 9068, for services that read no PASETO. Refresh tokens, which nobody but the service
//! reads, are left to the `Tokens` that this is put around.
//!
//! * The header is `{"typ":"at+jwt","alg":…,"kid":…}`, with `EdDSA` (RFC 8037) or `ES256` (RFC 7518) as the operator chooses.
//! * The claims are `iss`, `sub`, `aud`, `client_id`, `iat`, `nbf`, `exp`, `jti`, `sid`, `role`, `perms`, and `cid` where there is a company.
//!
//! What a token claims of itself is never believed. Its header is not even parsed: it is compared with the headers that this
//! service's own keys write. So there is no algorithm to confuse, no `none`, no key in a header and no extension to overlook.

mod claims;
mod key;
mod token;
mod verifier;

pub use key::{Algorithm, KeyError, PublicJwk};
pub use token::{Jwt, JwtError};
pub use verifier::JwtVerifier;
