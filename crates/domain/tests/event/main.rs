//! What is said of events beside the code that writes them: every type and version has a schema, a stored sample that still reads, and
//! a snapshot of its schema that nobody changes unseen.

mod catalogue;
mod message;
mod sample;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "only a part of it is needed here")]
mod support;
