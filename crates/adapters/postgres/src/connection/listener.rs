//! Hears of commits: this process's own at once, other processes' by `LISTEN`.
//!
//! `NOTIFY` is not part of the commit. PostgreSQL holds one lock of the whole server from a transaction's notification to the end
//! of its commit, so that commits would wait for the disk one after the other. It follows the commit instead, one for all that
//! were made meanwhile. What a lost process did not announce, others find by the deadline they put on their waiting.

use std::{pin::pin, sync::Arc, time::Duration};

use diesel::{
    prelude::QueryableByName,
    sql_query,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures::StreamExt;
use portcullis_domain::port::{FeedCursor, Source};
use tokio::{sync::watch, task::JoinHandle, time::sleep};

use super::{Access, Server, error_text};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The newest event known of.
pub(crate) struct Newest {
    anywhere: watch::Sender<FeedCursor>,
    here: watch::Sender<FeedCursor>,
}

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = BigInt)]
    transaction_id: i64,
    #[diesel(sql_type = BigInt)]
    position: i64,
}

impl Newest {
    pub(crate) fn new() -> Self {
        Self { anywhere: watch::Sender::new(FeedCursor::START), here: watch::Sender::new(FeedCursor::START) }
    }

    /// This process committed up to here.
    pub(crate) fn committed(&self, cursor: FeedCursor) {
        self.heard(cursor);
        raise(&self.here, cursor);
    }

    fn heard(&self, cursor: FeedCursor) {
        raise(&self.anywhere, cursor);
    }

    /// Returns once an event lies beyond the cursor, or at once when one does.
    pub(crate) async fn beyond(&self, after: FeedCursor) {
        // Never fails: the sender is borrowed.
        let _ = self.anywhere.subscribe().wait_for(|newest| *newest > after).await;
    }
}

fn raise(newest: &watch::Sender<FeedCursor>, cursor: FeedCursor) {
    newest.send_if_modified(|newest| {
        let is_newer = cursor > *newest;
        *newest = cursor.max(*newest);
        is_newer
    });
}

/// Listens until the task is aborted, on a connection of its own that is made again whenever it breaks. A schema has a channel of
/// its own, since channels are the database's.
pub(crate) fn listen(server: Server, schema: &str, newest: Arc<Newest>) -> JoinHandle<()> {
    let channel = format!("portcullis_{}", &blake3::hash(schema.as_bytes()).to_hex()[..16]);
    tokio::spawn(async move {
        let mut pause = FIRST_PAUSE;
        loop {
            let reason = match begin(&server, &channel, &newest).await {
                Ok(connection) => {
                    pause = FIRST_PAUSE;
                    go_on(connection, &channel, &newest).await
                }
                Err(reason) => reason,
            };
            let reason = error_text(reason.as_ref());
            tracing::warn!(reason, "commits of other processes are not heard of; connecting again");
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(2 * pause);
        }
    })
}

/// Listens first and looks then, so that nothing falls between.
async fn begin(server: &Server, channel: &str, newest: &Newest) -> Result<AsyncPgConnection, Source> {
    let mut connection = server.connect(Access::Serve).await?;
    connection.batch_execute(&format!("LISTEN {channel}")).await?;
    let last =
        "SELECT transaction_id, position FROM events ORDER BY transaction_id DESC, position DESC LIMIT 1";
    for place in sql_query(last).load::<Place>(&mut connection).await? {
        newest.heard(cursor(place.transaction_id, place.position));
    }
    Ok(connection)
}

/// Passes on what others announce and announces what was committed here. Returns why it cannot any more.
async fn go_on(mut connection: AsyncPgConnection, channel: &str, newest: &Newest) -> Source {
    let mut here = newest.here.subscribe();
    // What was committed while there was no connection.
    here.mark_changed();
    loop {
        let announced = {
            let mut notifications = pin!(connection.notifications_stream());
            tokio::select! {
                notification = notifications.next() => match notification {
                    Some(Ok(notification)) => Err(notification.payload),
                    Some(Err(error)) => return error.into(),
                    None => return "the connection was closed".into(),
                },
                _ = here.changed() => Ok(*here.borrow_and_update()),
            }
        };
        match announced {
            Err(payload) => newest.heard(parse(&payload)),
            Ok(FeedCursor::START) => {}
            Ok(cursor) => {
                let payload = format!("{} {}", cursor.transaction, cursor.position);
                let statement = sql_query("SELECT pg_notify($1, $2)");
                let statement = statement.bind::<Text, _>(channel).bind::<Text, _>(payload);
                if let Err(error) = statement.execute(&mut connection).await {
                    return error.into();
                }
            }
        }
    }
}

/// Anybody who may connect can write into the channel; what does not read wakes nobody.
fn parse(payload: &str) -> FeedCursor {
    let numbers = payload.split_once(' ');
    let numbers =
        numbers.and_then(|(transaction, position)| Some((transaction.parse().ok()?, position.parse().ok()?)));
    numbers.map_or(FeedCursor::START, |(transaction, position)| cursor(transaction, position))
}

fn cursor(transaction: i64, position: i64) -> FeedCursor {
    FeedCursor { transaction: transaction.unsigned_abs(), position: position.unsigned_abs() }
}
