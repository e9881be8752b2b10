//! A service that receives tokens, beside one that issues them.

mod middleware;
mod support;
mod third_party;
mod token;
