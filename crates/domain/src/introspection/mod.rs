//! What a token is and whether it is good (RFC 7662), and its end by whoever has it (RFC 7009).

mod introspect;
mod revoke;

pub use introspect::{Inquirer, IntrospectError, Introspection, TokenKind};
pub use revoke::RevokeTokenError;
