use std::{
    io,
    sync::{Mutex, PoisonError},
    thread::{Builder, JoinHandle},
};

use portcullis_domain::port::StoreError;
use tokio::sync::{mpsc, watch};

/// A bounded queue of jobs and the threads that work it off. A full queue makes callers wait, not memory grow.
pub(crate) struct Queue<J> {
    sender: Mutex<Option<mpsc::Sender<J>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Each thread holds a receiver, so that their end can be awaited.
    running: watch::Sender<()>,
}

impl<J: Send + 'static> Queue<J> {
    /// A queue that no thread works on yet, and the end for those that will.
    pub(crate) fn new(capacity: usize) -> (Self, mpsc::Receiver<J>) {
        let (sender, receiver) = mpsc::channel(capacity);
        let queue = Self {
            sender: Mutex::new(Some(sender)),
            threads: Mutex::default(),
            running: watch::Sender::new(()),
        };
        (queue, receiver)
    }

    /// Starts a thread; `work` must end once the queue is closed and empty.
    pub(crate) fn start(&self, name: String, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let running = self.running.subscribe();
        let thread = Builder::new().name(name).spawn(move || {
            work();
            drop(running);
        })?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    /// Hands a job over. Once this returns the job is done, whether its caller waits for it or not.
    pub(crate) async fn submit(&self, job: J) -> Result<(), StoreError> {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match sender {
            Some(sender) => sender.send(job).await.map_err(|_| gone()),
            None => Err(gone()),
        }
    }

    /// Takes no more jobs, and returns when those taken are done and the threads have ended.
    pub(crate) async fn close(&self) {
        self.refuse();
        self.running.closed().await;
    }

    fn refuse(&self) {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl<J> Drop for Queue<J> {
    fn drop(&mut self) {
        self.sender.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        for thread in self.threads.get_mut().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // A thread that panicked has told so itself.
            let _ = thread.join();
        }
    }
}

/// The error of a store that was closed, or whose thread ended before its time.
pub(crate) fn gone() -> StoreError {
    StoreError::unavailable("the store was closed")
}
