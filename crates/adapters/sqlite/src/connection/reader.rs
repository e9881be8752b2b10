use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use diesel::sqlite::SqliteConnection;
use portcullis_domain::port::StoreError;
use tokio::sync::{mpsc, oneshot};

use super::queue::{Queue, gone};

const CAPACITY: usize = 1_024;

type Query = Box<dyn FnOnce(&mut SqliteConnection) + Send>;

/// The threads that read. In a write-ahead log readers see the last commit and wait for no writer.
pub(crate) struct Readers {
    queue: Queue<Query>,
    count: usize,
}

impl Readers {
    /// Starts a thread for each connection.
    pub(crate) fn start(connections: Vec<SqliteConnection>) -> io::Result<Self> {
        let (queue, receiver) = Queue::new(CAPACITY);
        let (receiver, count) = (Arc::new(Mutex::new(receiver)), connections.len());
        for (number, connection) in connections.into_iter().enumerate() {
            let receiver = Arc::clone(&receiver);
            queue.start(format!("sqlite-reader-{number}"), move || serve(connection, &receiver))?;
        }
        Ok(Self { queue, count })
    }

    /// How many they are.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Runs a query on whichever connection is free first.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let query: Query = Box::new(move |connection| {
            // Whoever hung up while waiting wants no answer.
            if !reply.is_closed() {
                let _ = reply.send(query(connection));
            }
        });
        self.queue.submit(query).await?;
        answer.await.map_err(|_| gone())?
    }

    /// Finishes the queries that were taken, and ends.
    pub(crate) async fn close(&self) {
        self.queue.close().await;
    }
}

fn serve(mut connection: SqliteConnection, queue: &Mutex<mpsc::Receiver<Query>>) {
    // One idle thread waits on the queue and the others for their turn at it.
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
    while let Some(query) = next() {
        query(&mut connection);
    }
}
