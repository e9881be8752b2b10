//! How many sign-ins a second the store commits (an event, its user's row, a session), each on the disk before it is answered:
//!
//! ```text
//! cargo run --release -p portcullis-sqlite --example commit_rate
//! ```
//!
//! The database is made in the current folder, since temporary folders are often kept in memory, and is deleted at the end.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::DateTime;
use portcullis_domain::{
    caller::{Origin, Role},
    commit::{Append, Commit, Expected, RowChange},
    event::{Actor, EventData, EventType, NewEvent, StreamKind},
    port::EventStore,
    seal::Sealed,
    session::Session,
    user::{Profile, User},
    value::{Email, PersonName},
};
use portcullis_sqlite::{Options, Sqlite};
use uuid::Uuid;

const PERIOD: Duration = Duration::from_secs(3);

#[tokio::main]
#[expect(clippy::print_stdout, reason = "figures are what it is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    println!("clients  commits/s  commits/transaction");
    for clients in [1_u128, 16, 64] {
        let folder = tempfile::TempDir::new_in(".")?;
        let store = Arc::new(Sqlite::open(folder.path().join("portcullis.db"), Options::default())?);
        let start = Instant::now();
        let running: Vec<_> = (1..=clients)
            .map(|client| tokio::spawn(sign_in_for_a_while(Arc::clone(&store), client)))
            .collect();
        for client in running {
            client.await?;
        }
        let seconds = start.elapsed().as_secs_f64();
        let done = store.statistics();
        let (writes, transactions) =
            (f64::from(u32::try_from(done.writes)?), f64::from(u32::try_from(done.transactions)?));
        println!("{clients:>7}  {:>9.0}  {:>19.1}", writes / seconds, writes / transactions);
        store.close().await;
    }
    Ok(())
}

/// One client: its next sign-in follows the answer to the one before.
async fn sign_in_for_a_while(store: Arc<Sqlite>, client: u128) {
    let start = Instant::now();
    let mut user = user(Uuid::from_u128(client));
    while start.elapsed() < PERIOD {
        let expected = if user.version == 0 { Expected::New } else { Expected::Exactly(user.version) };
        user.version += 1;
        store.commit(sign_in(&user, expected)).await.expect("nobody else writes this user's stream");
    }
}

fn sign_in(user: &User, expected: Expected) -> Commit {
    let now = DateTime::UNIX_EPOCH;
    let unique = Uuid::from_u64_pair(user.version, user.id.as_uuid().as_u64_pair().1);
    let event = NewEvent {
        id: unique.into(),
        event_type: EventType::new("user.logged_in"),
        schema_version: 1,
        actor: Actor::User(user.id.into()),
        data: EventData::from_stored(format!(r#"{{"session_id":"{unique}"}}"#)),
        personal: Some(Sealed::new(vec![7; 160])),
        recorded_at: now,
    };
    let session = Session {
        id: unique.into(),
        user: user.id,
        generation: 1,
        created_at: now,
        rotated_at: now,
        last_seen_at: now,
        expires_at: now,
        ends_at: now,
        origin: Origin::new(Some([127, 0, 0, 1].into()), Some("curl/8")),
    };
    let append = Append { stream: user.id.into(), kind: StreamKind::User, expected, events: vec![event] };
    let rows = vec![RowChange::PutUser(Box::new(user.clone())), RowChange::PutSession(session)];
    Commit { appends: vec![append], rows, ..Commit::default() }
}

fn user(id: Uuid) -> User {
    let profile = Profile {
        email: Email::new(format!("{id}@example.com")),
        username: None,
        name: PersonName::new("Jane Doe"),
        phone: None,
        business_type: None,
        business_number: None,
        industry: None,
        region: None,
    };
    User {
        id: id.into(),
        version: 0,
        profile,
        role: Role::User,
        is_active: true,
        is_verified: true,
        unlocks: 0,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
        last_login_at: None,
    }
}
