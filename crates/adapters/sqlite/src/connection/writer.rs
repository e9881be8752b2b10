use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use diesel::{
    QueryResult, connection::SimpleConnection, prelude::*, sql_types::BigInt, sqlite::SqliteConnection,
};
use portcullis_domain::port::StoreError;
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    busy_timeout_pragma,
    queue::{Queue, gone},
};
use crate::{
    error::is_busy,
    replay::{path_beside, remove as remove_replay},
    statement::Cached,
};

/// How many writes share a transaction at most: more would make the first of them wait for the last.
const GROUP: usize = 64;
const CAPACITY: usize = 1_024;
/// The engine's own waiting for another process's write lock grows to 100 ms between tries, and a busy writer lets go of the
/// lock for some microseconds only: a second process would wait for ever. So it waits this long, and the writer tries again.
const ENGINE_PATIENCE: Duration = Duration::from_millis(1);
const PAUSE: Duration = Duration::from_millis(1);

/// The one thread that writes. Writes that wait together share a transaction, and so one wait for the disk.
pub(crate) struct Writer {
    queue: Queue<Box<dyn Job>>,
    counters: Arc<Counters>,
}

/// How many writes were done, and in how many transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterStatistics {
    /// Transactions committed.
    pub transactions: u64,
    /// Writes answered, those that failed by themselves included.
    pub writes: u64,
}

#[derive(Default)]
struct Counters {
    transactions: AtomicU64,
    writes: AtomicU64,
}

/// Whether what a write overwrites may linger in the write-ahead log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traces {
    /// Until the log is next written over.
    Linger,
    /// No longer than a reader still needs them: a key was destroyed.
    Scrubbed,
}

/// What becomes of a write whose caller has hung up before its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abandoned {
    /// It is done: a commit is whole by itself.
    Done,
    /// It is dropped. A client told that its refresh timed out asks again: then the rotation it gave up must not have happened.
    Dropped,
}

/// A write in the queue. The queue owns it: once begun it is done even when its caller no longer waits.
trait Job: Send {
    /// Runs it in a savepoint. An error means that the savepoint could not be kept apart, and its transaction is lost.
    fn run(&mut self, connection: &mut SqliteConnection) -> QueryResult<()>;
    /// Tells the caller, once its transaction has stood or fallen.
    fn answer(self: Box<Self>, committed: Result<(), &str>);
    fn traces(&self) -> Traces;
}

struct Write<W, T, E> {
    work: Option<W>,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
    traces: Traces,
    abandoned: Abandoned,
}

impl<W, T, E> Job for Write<W, T, E>
where
    W: FnOnce(&mut SqliteConnection) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, connection: &mut SqliteConnection) -> QueryResult<()> {
        let Some(work) = self.work.take() else { return Ok(()) };
        if self.abandoned == Abandoned::Dropped && self.reply.is_closed() {
            return Ok(());
        }
        savepoint(connection, "SAVEPOINT write")?;
        let outcome = work(connection);
        // After some errors (a full disk, say) the engine has undone the whole transaction: then this fails, and none of the
        // group is answered as if it were kept.
        if outcome.is_err() {
            savepoint(connection, "ROLLBACK TO write")?;
        }
        savepoint(connection, "RELEASE write")?;
        self.outcome = Some(outcome);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), &str>) {
        let outcome = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            // A failure of its own is not passed on either: what it conflicted with may never have been.
            (Err(reason), _) => Err(StoreError::unavailable(reason).into()),
            (Ok(()), None) => Err(gone().into()),
        };
        // A caller that hung up needs no answer.
        let _ = self.reply.send(outcome);
    }

    fn traces(&self) -> Traces {
        self.traces
    }
}

impl Writer {
    /// Starts the thread. `newest` is told the position of the newest event after each commit.
    pub(crate) fn start(
        connection: SqliteConnection,
        path: &Path,
        patience: Duration,
        newest: watch::Sender<u64>,
    ) -> io::Result<Self> {
        let (queue, receiver) = Queue::new(CAPACITY);
        let counters = Arc::new(Counters::default());
        let thread = Thread {
            connection,
            beside: path_beside(path),
            queue: receiver,
            patience,
            newest,
            counters: Arc::clone(&counters),
            has_traces: false,
        };
        queue.start("sqlite-writer".to_owned(), move || thread.serve())?;
        Ok(Self { queue, counters })
    }

    /// Does a write in its turn: all of it or, when it returns an error, nothing. Answers when it is on the disk.
    pub(crate) async fn write<T, E>(
        &self,
        traces: Traces,
        abandoned: Abandoned,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.queue
            .submit(Box::new(Write { work: Some(work), outcome: None, reply, traces, abandoned }))
            .await?;
        answer.await.map_err(|_| gone())?
    }

    /// What it has done so far.
    pub(crate) fn statistics(&self) -> WriterStatistics {
        WriterStatistics {
            transactions: self.counters.transactions.load(Ordering::Relaxed),
            writes: self.counters.writes.load(Ordering::Relaxed),
        }
    }

    /// Finishes the writes that were taken, empties the write-ahead log, and ends.
    pub(crate) async fn close(&self) {
        self.queue.close().await;
    }
}

/// What the writing thread owns.
struct Thread {
    connection: SqliteConnection,
    /// Where a replay makes rows, of people also.
    beside: PathBuf,
    queue: mpsc::Receiver<Box<dyn Job>>,
    patience: Duration,
    newest: watch::Sender<u64>,
    counters: Arc<Counters>,
    has_traces: bool,
}

impl Thread {
    fn serve(mut self) {
        if let Err(error) = self.connection.batch_execute(&busy_timeout_pragma(ENGINE_PATIENCE)) {
            tracing::error!(%error, "the database refuses a setting");
        }
        while let Some(first) = self.queue.blocking_recv() {
            let mut group = vec![first];
            let committed = self.commit(&mut group);
            if let Err(error) = &committed {
                tracing::error!(%error, writes = group.len(), "a transaction failed");
                // Fails where the engine has undone it already.
                let _ = self.connection.batch_execute("ROLLBACK");
            }
            self.finish(group, committed);
        }
        if let Err(error) = self.connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(%error, "the write-ahead log was not emptied; the next start will read it");
        }
    }

    /// Runs the group in one transaction, and whoever comes meanwhile with it.
    fn commit(&mut self, group: &mut Vec<Box<dyn Job>>) -> QueryResult<u64> {
        self.begin()?;
        let mut next = 0;
        while let Some(job) = group.get_mut(next) {
            job.run(&mut self.connection)?;
            next += 1;
            if next == group.len() && next < GROUP {
                group.extend(self.queue.try_recv().ok());
            }
        }
        let newest = newest_position(&mut self.connection)?;
        let has_traces = group.iter().any(|job| job.traces() == Traces::Scrubbed);
        // Before and after: a crash in between leaves nothing, and what is begun in between is of before.
        if has_traces {
            remove_replay(&self.beside);
        }
        self.connection.batch_execute("COMMIT")?;
        if has_traces {
            remove_replay(&self.beside);
        }
        Ok(newest)
    }

    /// Takes the write lock, which a writer in another process may hold.
    fn begin(&mut self) -> QueryResult<()> {
        let started = Instant::now();
        loop {
            match self.connection.batch_execute("BEGIN IMMEDIATE") {
                Err(error) if is_busy(&error) && started.elapsed() < self.patience => thread::sleep(PAUSE),
                outcome => return outcome,
            }
        }
    }

    fn finish(&mut self, group: Vec<Box<dyn Job>>, committed: QueryResult<u64>) {
        self.counters.writes.fetch_add(group.len() as u64, Ordering::Relaxed);
        let outcome = match committed {
            Ok(position) => {
                self.counters.transactions.fetch_add(1, Ordering::Relaxed);
                self.newest.send_replace(position);
                self.has_traces |= group.iter().any(|job| job.traces() == Traces::Scrubbed);
                self.scrub();
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        };
        for job in group {
            job.answer(outcome.as_ref().copied().map_err(String::as_str));
        }
    }

    /// Empties the write-ahead log, so that destroyed keys are gone from it. A reader at work hinders it: then the next
    /// write tries again.
    fn scrub(&mut self) {
        if self.has_traces {
            self.has_traces = !matches!(empty_log(&mut self.connection), Ok(true));
        }
    }
}

/// Steps of every write, so they stay prepared too.
fn savepoint(connection: &mut SqliteConnection, step: &'static str) -> QueryResult<()> {
    Cached(diesel::sql_query(step)).run(connection)
}

/// Moves the write-ahead log into the database and cuts it to nothing; false where a reader at work hindered it.
fn empty_log(connection: &mut SqliteConnection) -> QueryResult<bool> {
    let checkpoint = diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)");
    Ok(checkpoint.get_result::<Checkpoint>(connection)?.busy == 0)
}

/// Writes the whole database anew, so that no page has anything but what is in it; false where the log could not be emptied after it.
pub(crate) fn rewrite(connection: &mut SqliteConnection) -> QueryResult<bool> {
    connection.batch_execute("VACUUM")?;
    empty_log(connection)
}

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = BigInt)]
    busy: i64,
}

/// The position of the newest event; 0 before the first.
pub(crate) fn newest_position(connection: &mut SqliteConnection) -> QueryResult<u64> {
    use portcullis_sql::schema::events;

    let newest: Option<i64> = events::table.select(diesel::dsl::max(events::position)).first(connection)?;
    Ok(newest.map_or(0, i64::unsigned_abs))
}
