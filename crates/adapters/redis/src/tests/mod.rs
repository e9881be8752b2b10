//! What no contract says: outages, starts, and what is kept. Each test starts a server of its own, which it may kill.

mod key;
mod open;
mod outage;
mod revocation;
mod server;

use std::{num::NonZeroU32, time::Duration};

use chrono::DateTime;
use portcullis_domain::{
    caller::Role,
    id::{SessionId, UserId},
    port::{LiveSession, Quota},
};
use uuid::Uuid;

use crate::{Options, Redis};
use server::Server;

const LONG: Duration = Duration::from_secs(600);

fn session(number: u128) -> SessionId {
    SessionId::new(Uuid::from_u128(number))
}

fn live() -> LiveSession {
    let (expires_at, seen_at) = (DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH);
    LiveSession { user: UserId::new(Uuid::from_u128(1)), role: Role::User, expires_at, seen_at }
}

fn quota(limit: u32) -> Quota {
    Quota { limit: NonZeroU32::new(limit).expect("above zero"), period: LONG }
}

/// The patience of a machine that does much else.
fn patient() -> Options {
    let patience = Duration::from_secs(20);
    Options { deadline: patience, start_timeout: patience, ..Options::default() }
}

async fn connect(server: &Server, options: Options) -> Redis {
    Redis::connect(&server.url(), options).await.expect("the server will do")
}
