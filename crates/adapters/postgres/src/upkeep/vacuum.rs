//! After an erasure: a deleted row lies in its file until the server vacuums it away, which a table of many rows and few changes may
//! not see for months.

use std::time::{Duration, Instant};

use diesel::{
    QueryResult,
    prelude::QueryableByName,
    sql_query,
    sql_types::{BigInt, Bool},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use portcullis_domain::port::Source;
use tokio::{sync::watch, task::JoinHandle, time::sleep};

use crate::{
    connection::{Access, Server, error_text},
    replay::drop_leftover,
    upkeep::TABLES_OF_PEOPLE,
};

/// Those that are erased within it share one round.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// How often, and how far apart, it is looked whether older transactions have ended.
pub(super) const LOOKS: u32 = 40;
pub(super) const LOOK_PAUSE: Duration = Duration::from_millis(500);

/// Before the tables. Indexes too, however little there is to clean; and no file is cut off at its end, for which readers would have to
/// wait. Statistics are drawn anew: they hold values, such as addresses.
const VACUUM: &str = "VACUUM (ANALYZE, INDEX_CLEANUP ON, TRUNCATE OFF)";
/// The old ones. Passed over by the server with a warning where it is not the user's to clean.
const VACUUM_STATISTICS: &str = "VACUUM pg_catalog.pg_statistic";

/// Transactions before this one may still run.
const BOUND: &str = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS number";

/// Whether nobody may still see rows as they were before the bound, for which the server would have to keep them. `age` counts back
/// from now, and knows that ids wrap.
const IS_PAST: &str = "
    SELECT NOT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
          AND greatest(age(backend_xid), age(backend_xmin)) > age(($1 % 4294967296)::text::xid)) AS answer";

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    answer: bool,
}

pub(super) struct Vacuum {
    shredded: watch::Sender<u64>,
    task: JoinHandle<()>,
}

impl Vacuum {
    /// On a connection of its own, made when it is needed: its statements may take long.
    pub(super) fn start(server: Server) -> Self {
        let shredded = watch::Sender::new(0);
        let task = tokio::spawn(run(server, shredded.subscribe()));
        Self { shredded, task }
    }

    /// Somebody's key was destroyed.
    pub(super) fn shredded(&self) {
        self.shredded.send_modify(|count| *count += 1);
    }

    pub(super) fn close(&self) {
        self.task.abort();
    }
}

async fn run(server: Server, mut shredded: watch::Receiver<u64>) {
    let mut pause = FIRST_PAUSE;
    while shredded.changed().await.is_ok() {
        loop {
            sleep(pause).await;
            // Those that come from now on are for the next round.
            shredded.mark_unchanged();
            let begun = Instant::now();
            match clean(&server).await {
                Ok(()) => {
                    // However many are erased, it takes a tenth of the time at most.
                    pause = (9 * begun.elapsed()).clamp(FIRST_PAUSE, LONGEST_PAUSE);
                    break;
                }
                Err(reason) => {
                    pause = LONGEST_PAUSE.min(2 * pause);
                    let reason = error_text(reason.as_ref());
                    tracing::warn!(
                        reason,
                        ?pause,
                        "erased rows may still be in the database's files; trying again"
                    );
                }
            }
        }
    }
}

/// One round. Rows that an older transaction may still see are left over: it is waited for, and where it does not end, the round is
/// done for the others and has failed.
async fn clean(server: &Server) -> Result<(), Source> {
    let mut connection = server.connect(Access::Migrate).await?;
    let is_past = outlast(&mut connection).await?;
    connection.batch_execute(&format!("{VACUUM} {TABLES_OF_PEOPLE}")).await?;
    connection.batch_execute(VACUUM_STATISTICS).await?;
    if !drop_leftover(&mut connection).await? {
        return Err("a replay is at work, whose rows go with its end".into());
    }
    if is_past { Ok(()) } else { Err("a transaction that is older than the erasure still runs".into()) }
}

/// Waits until nobody may see rows any more as they were before now; false where an older transaction does not end.
pub(super) async fn outlast(connection: &mut AsyncPgConnection) -> QueryResult<bool> {
    let bound = sql_query(BOUND).get_result::<Number>(connection).await?.number;
    for _ in 0..LOOKS {
        if is_past_all(connection, bound).await? {
            return Ok(true);
        }
        sleep(LOOK_PAUSE).await;
    }
    Ok(false)
}

async fn is_past_all(connection: &mut AsyncPgConnection, bound: i64) -> QueryResult<bool> {
    let statement = sql_query(IS_PAST).bind::<BigInt, _>(bound);
    Ok(statement.get_result::<Answer>(connection).await?.answer)
}
