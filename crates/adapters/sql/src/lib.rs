//! What the SQL stores of Portcullis have in common: the tables as far as both have them, the rows and what they are in the
//! domain's words, how ids and times lie in a column of each, and which migrations there are. Statements, and whatever is fast because it is written for one engine, are
//! the stores' own.

pub mod column;
pub mod migration;
#[expect(missing_docs, reason = "a row's fields are the columns of its table")]
pub mod row;
#[expect(missing_docs, reason = "as the migrations have them")]
pub mod schema;
