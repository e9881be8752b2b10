//! Statements that stay prepared, and statements that are sent together.

use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures::{FutureExt, TryFutureExt, future::BoxFuture};

/// Keeps a statement prepared on its connection. diesel prepares updates, upserts and plain SQL anew each time, since it
/// cannot know how many shapes they have; those of this crate have one each, and preparing them costs a round trip.
pub(crate) struct Cached<Q>(pub(crate) Q);

/// A statement on its way.
pub(crate) type Sent<'c> = BoxFuture<'c, QueryResult<()>>;

impl<Q> Cached<Q>
where
    Q: QueryFragment<Pg> + Send,
{
    /// A step of a commit. Steps are first polled one after the other, and the connection sends them in that order without
    /// waiting for answers: diesel looks each up under one fair lock, which a statement that is still being prepared holds.
    pub(crate) fn step(self, connection: &AsyncPgConnection) -> Sent<'_> {
        let mut connection = connection;
        RunQueryDsl::execute(self, &mut connection).map_ok(drop).boxed()
    }
}

impl<Q: Query> Query for Cached<Q> {
    type SqlType = Q::SqlType;
}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Cached<Q> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

/// Without a static id, so that the statement is found again by its text.
impl<Q> QueryId for Cached<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
