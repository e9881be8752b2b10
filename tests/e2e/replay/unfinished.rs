//! Replays that do not come to their end.

use std::{
    path::PathBuf,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use crate::{
    database::{self, Held},
    server::{PATIENCE, Server},
    stack::Place,
};

/// Whoever writes waits until this is dropped.
enum Hold {
    File(#[expect(dead_code, reason = "it is held until it is dropped")] Held),
    Server(#[expect(dead_code, reason = "it is held until it is dropped")] tokio_postgres::Client),
}

fn database(server: &Server) -> PathBuf {
    server.data().join("portcullis.db")
}

fn beside(server: &Server) -> PathBuf {
    server.data().join("portcullis.db.replay")
}

async fn hold(server: &Server, place: Option<&Place>) -> Hold {
    let Some(place) = place else { return Hold::File(database::hold(&database(server))) };
    let client = place.connect().await;
    let lock = "BEGIN; LOCK TABLE claims IN ROW EXCLUSIVE MODE";
    client.batch_execute(lock).await.expect("nobody else has it for long");
    Hold::Server(client)
}

/// Whether a replay has folded all there is, and waits for its turn to write.
async fn waits(server: &Server, place: Option<&Place>) -> bool {
    if let Some(place) = place {
        let waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'claims'::regclass";
        return !place.query(waiting).await.is_empty();
    }
    let newest = database::query(&database(server), "SELECT max(position) FROM events");
    let folded = database::try_query(&beside(server), "SELECT position FROM replay_state");
    folded.is_some_and(|folded| folded == newest)
}

/// Has a replay make all of its rows, and kills it before it swaps them in.
pub(crate) async fn leave(server: &Server, place: Option<&Place>) {
    let held = hold(server, place).await;
    let mut command = server.command(&["replay"]);
    let mut child: Child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let deadline = Instant::now() + PATIENCE;
    while !waits(server, place).await {
        assert_eq!(child.try_wait().expect("it can be asked"), None, "it waits for its turn");
        assert!(Instant::now() < deadline, "it has not folded what there is");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    drop(held);
}

/// Whether there is anything beside.
pub(crate) async fn is_there(server: &Server, place: Option<&Place>) -> bool {
    match place {
        Some(place) => {
            let schema = "SELECT 1 FROM pg_namespace WHERE nspname = current_schema() || '_replay'";
            !place.query(schema).await.is_empty()
        }
        None => beside(server).exists(),
    }
}
