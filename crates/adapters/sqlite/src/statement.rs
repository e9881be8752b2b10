//! Statements that stay prepared.

use diesel::{
    QueryResult, QueryableByName, RunQueryDsl,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::Untyped,
    sqlite::{Sqlite, SqliteConnection},
};

/// Keeps a statement prepared on its connection. diesel prepares updates and upserts anew each time, since it cannot know how
/// many shapes they have; those of this crate have one each, and preparing them costs more than running them.
///
/// It deliberately has no `execute`: diesel asks a *reference* to an executed statement whether it may be kept, and a
/// reference does not pass this answer on. Statements that are loaded are asked themselves.
pub(crate) struct Cached<Q>(pub(crate) Q);

/// A statement that returns no rows, loaded all the same.
struct Silent<Q>(Q);

/// None of its rows.
#[derive(QueryableByName)]
struct Nothing {}

impl<Q: QueryFragment<Sqlite>> Cached<Q> {
    /// Runs a statement that returns nothing.
    pub(crate) fn run(self, connection: &mut SqliteConnection) -> QueryResult<()> {
        Silent(self.0).load::<Nothing>(connection).map(drop)
    }
}

impl<Q: Query> Query for Cached<Q> {
    type SqlType = Q::SqlType;
}

impl<Q> Query for Silent<Q> {
    type SqlType = Untyped;
}

macro_rules! kept_prepared {
    ($($name:ident)+) => {$(
        impl<Q: QueryFragment<Sqlite>> QueryFragment<Sqlite> for $name<Q> {
            fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
                self.0.walk_ast(pass)
            }

            fn is_safe_to_cache_prepared(&self, _backend: &Sqlite) -> QueryResult<bool> {
                Ok(true)
            }
        }

        /// Without a static id, so that the statement is found again by its text.
        impl<Q> QueryId for $name<Q> {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }

        impl<Q> RunQueryDsl<SqliteConnection> for $name<Q> {}
    )+};
}
kept_prepared! { Cached Silent }
