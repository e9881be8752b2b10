//! Password hashing with [scrypt](https://www.rfc-editor.org/rfc/rfc7914) in PHC strings (`$scrypt$ln=15,r=8,p=3$salt$hash`),
//! on a pool that bounds the memory it takes and the time anybody waits for it.
//!
//! * Hashes are made on the pool's own threads, one on each at a time, so that memory in use stays below the threads times one
//!   hash's memory, however many ask. A stored hash that needs more than that (the parameters were larger once) is checked
//!   with no other such beside it, and one that needs more than any sane setting is refused.
//! * Hashes of argon2id, argon2i and bcrypt, of people who came from another system, are checked within the same bounds, and
//!   reported as outdated.
//! * A wrong password costs what one against no hash costs, even where the stored hash was made when hashes were cheaper.
//! * What the queue does not hold is told so at once, with the time after which to ask again.
//! * Whoever hung up before their turn costs nothing.
//!
//! Passwords and what is derived from them are overwritten in memory; the working memory of scrypt itself is given back to the
//! system as it is, since the scrypt crate keeps it to itself.

mod argon2;
mod bcrypt;
mod cost;
mod hash;
mod parameters;
mod password_hasher;
mod pool;
mod stored;

pub use parameters::{Parameters, ParametersError};
pub use password_hasher::{Scrypt, Settings};
pub use pool::{Durations, WorkerLost};
pub use stored::StoredHashError;
