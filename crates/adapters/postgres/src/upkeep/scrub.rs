//! What a vacuum leaves behind: it takes rows out of pages and does not wipe their bytes, and the write-ahead log has them until its
//! segments are written over. Rewriting the tables and running through the log takes them away; it holds everybody up, so it is done
//! on an operator's word alone.

use diesel::{prelude::QueryableByName, result::Error as EngineError, sql_query, sql_types::BigInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use tokio::time::sleep;

use crate::{
    connection::{Access, Server},
    error::OpenError,
    replay::drop_leftover,
    upkeep::{
        TABLES_OF_PEOPLE,
        vacuum::{LOOK_PAUSE, LOOKS, outlast},
    },
};

/// Before the tables.
const REWRITE: &str = "VACUUM (FULL, ANALYZE)";
/// What the server has noted of their values.
const REWRITE_STATISTICS: &str = "VACUUM (FULL) pg_catalog.pg_statistic";

const SEGMENTS: &str = "SELECT count(*) AS number FROM pg_ls_waldir()";
/// Ends a segment, whose rest is filled with zeros; an empty one would not be ended.
const END_SEGMENT: &str = "SELECT pg_logical_emit_message(false, 'portcullis', ''), pg_switch_wal()";

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// For whom a rewriting would keep what it is to take away.
const OLDER: &str = "a transaction that is older still runs";

/// Rewrites the tables, and writes over the log. Returns why it was not done to the end, where it was not: what is in the way, or the
/// right that this user lacks.
pub(crate) async fn scrub(server: &Server) -> Result<Option<String>, OpenError> {
    let mut connection = server.connect(Access::Migrate).await?;
    let failed = |error| OpenError::from_engine(server.name(), error);
    let mut looks = 0;
    // Another may be at the same for a moment.
    while !drop_leftover(&mut connection).await.map_err(failed)? {
        if looks == LOOKS {
            return Ok(Some("a replay is at work, which has rows of its own".to_owned()));
        }
        looks += 1;
        sleep(LOOK_PAUSE).await;
    }
    for statement in [&format!("{REWRITE} {TABLES_OF_PEOPLE}"), REWRITE_STATISTICS] {
        if !outlast(&mut connection).await.map_err(failed)? {
            return Ok(Some(OLDER.to_owned()));
        }
        connection.batch_execute(statement).await.map_err(failed)?;
    }
    match write_over_log(&mut connection).await {
        Ok(()) => Ok(None),
        // Whatever its kind is called: this user lacks a right.
        Err(EngineError::DatabaseError(_, reason)) => Ok(Some(reason.message().to_owned())),
        Err(error) => Err(failed(error)),
    }
}

/// A checkpoint keeps old segments under new names, to be written over in their turn: so many turns, and one more checkpoint.
async fn write_over_log(connection: &mut AsyncPgConnection) -> Result<(), EngineError> {
    // What was written until now shares its segment with nothing that comes.
    connection.batch_execute(END_SEGMENT).await?;
    connection.batch_execute("CHECKPOINT").await?;
    let segments = sql_query(SEGMENTS).get_result::<Number>(connection).await?.number;
    for _ in 0..=segments {
        connection.batch_execute(END_SEGMENT).await?;
    }
    connection.batch_execute("CHECKPOINT").await
}
