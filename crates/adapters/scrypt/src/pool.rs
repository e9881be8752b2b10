//! Threads of their own for work that takes a core for a while, with a queue that has an end.

use std::{
    collections::VecDeque,
    io,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use thiserror::Error;
use tokio::sync::oneshot;

/// Nobody who is told to come back should be back sooner.
const LEAST_RETRY_AFTER: Duration = Duration::from_secs(1);
/// How much of the running mean the newest duration makes up: one eighth.
const SMOOTHING: u32 = 8;

/// How long jobs took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// How many jobs were done.
    pub count: u64,
    /// How long they took together.
    pub total: Duration,
    /// How long one takes of late: a running mean.
    pub recent: Duration,
}

/// A job ended without a result: it panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the hashing thread failed")]
pub struct WorkerLost;

/// A job was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolError {
    /// There was no place in the queue.
    Full { retry_after: Duration },
    /// It panicked.
    Lost,
}

/// The threads end, after the job each is at, when this is dropped.
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    threads: NonZeroUsize,
    /// How many jobs may run and wait.
    capacity: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Box<dyn Job>>,
    running: usize,
    closed: bool,
    durations: Durations,
}

trait Job: Send {
    /// Whether nobody waits for the result any more.
    fn is_abandoned(&self) -> bool;
    fn run(&mut self);
    fn answer(self: Box<Self>);
}

struct Task<F, T> {
    work: Option<F>,
    result: Option<T>,
    reply: oneshot::Sender<T>,
}

impl<F: FnOnce() -> T + Send, T: Send> Job for Task<F, T> {
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self) {
        // Unwind safe: what a job shares with others is at most a lock, and whoever takes that minds.
        self.result = self.work.take().and_then(|work| catch_unwind(AssertUnwindSafe(work)).ok());
    }

    fn answer(self: Box<Self>) {
        if let Some(result) = self.result {
            // Who hung up meanwhile misses nothing.
            self.reply.send(result).ok();
        }
    }
}

impl Pool {
    /// Starts the threads; `queue` jobs may wait beside those that run.
    pub(crate) fn start(threads: NonZeroUsize, queue: usize) -> io::Result<Self> {
        let pool = Self(Arc::new(Shared {
            state: Mutex::default(),
            wake: Condvar::new(),
            threads,
            capacity: threads.get().saturating_add(queue),
        }));
        for number in 1..=threads.get() {
            let shared = Arc::clone(&pool.0);
            thread::Builder::new().name(format!("password-hash-{number}")).spawn(move || shared.work())?;
        }
        Ok(pool)
    }

    /// Has a job done. Dropping the future before the job's turn comes takes the job back.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let (reply, answer) = oneshot::channel();
        self.0.submit(Box::new(Task { work: Some(work), result: None, reply }))?;
        answer.await.map_err(|_| PoolError::Lost)
    }

    /// How many jobs wait for a thread.
    pub(crate) fn waiting(&self) -> usize {
        self.0.lock().waiting.len()
    }

    /// How long jobs took so far.
    pub(crate) fn durations(&self) -> Durations {
        self.0.lock().durations
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        state.waiting.clear();
        drop(state);
        self.0.wake.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it is held")
    }

    fn submit(&self, job: Box<dyn Job>) -> Result<(), PoolError> {
        let mut state = self.lock();
        if state.load() >= self.capacity {
            state.waiting.retain(|job| !job.is_abandoned());
        }
        if state.load() >= self.capacity {
            return Err(PoolError::Full { retry_after: self.retry_after(&state) });
        }
        state.waiting.push_back(job);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// When all that waits now will have been done.
    fn retry_after(&self, state: &State) -> Duration {
        let waiting = u32::try_from(state.load()).unwrap_or(u32::MAX);
        let threads = u32::try_from(self.threads.get()).unwrap_or(u32::MAX);
        (state.durations.recent.saturating_mul(waiting) / threads).max(LEAST_RETRY_AFTER)
    }

    /// What each thread does until the pool is dropped.
    fn work(&self) {
        while let Some(mut job) = self.next() {
            let started = Instant::now();
            job.run();
            let mut state = self.lock();
            state.running -= 1;
            state.durations.add(started.elapsed());
            drop(state);
            // Only now, so that who gets an answer finds the place it took free.
            job.answer();
        }
    }

    /// Waits for the next job that somebody still waits for; `None` when the pool is dropped.
    fn next(&self) -> Option<Box<dyn Job>> {
        let mut state = self.lock();
        while !state.closed {
            match state.waiting.pop_front() {
                Some(job) if job.is_abandoned() => {}
                Some(job) => {
                    state.running += 1;
                    return Some(job);
                }
                None => state = self.wake.wait(state).expect("nothing panics while it is held"),
            }
        }
        None
    }
}

impl State {
    fn load(&self) -> usize {
        self.running + self.waiting.len()
    }
}

impl Durations {
    fn add(&mut self, duration: Duration) {
        let before = if self.count == 0 { duration } else { self.recent };
        self.recent = (before * (SMOOTHING - 1) + duration) / SMOOTHING;
        self.count += 1;
        self.total += duration;
    }
}

#[cfg(test)]
mod tests;
