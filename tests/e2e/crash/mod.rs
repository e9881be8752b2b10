//! `kill -9` at any moment: what the service has said it did is done, and the log is whole.
//!
//! `just chaos-embedded` does it more often. `CHAOS_SEED` takes the moments of an earlier run again; what the clients get done
//! until then is the machine's to decide.

mod account;
mod mailbox;

use std::{
    fs,
    hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState},
    io::Write,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Barrier;

use account::{Account, Life, Step, Tally};
use mailbox::Mailbox;

use crate::{
    client::{Client, PASSWORD},
    database::query,
    server::Server,
};

const ROUNDS: u64 = 20;
const CLIENTS: usize = 8;
/// The latest moment of a kill, in milliseconds after the load begins.
const LATEST_KILL: u64 = 300;
/// Long enough that a refresh whose answer the crash took is a retry after the restart, however slow the machine.
const LEEWAY: (&str, &str) = ("REFRESH_REUSE_LEEWAY_SECONDS", "300");

/// Chosen by the seed: the same for the same.
pub(crate) fn draw(seed: u64, round: u64, below: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, round).hash(&mut hasher);
    hasher.finish() % below
}

#[expect(clippy::disallowed_methods, reason = "what `just chaos-embedded` chooses comes this way")]
pub(crate) fn chosen(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().expect("a whole number"))
}

/// Written past the capture of a test's output: how to repeat a run is worth knowing even when it succeeded.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("a place to write to");
}

pub(crate) fn audit(server: &Server) -> (usize, usize) {
    let output = server.command(&["audit", "verify"]).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    // The second line tells how much of it is signed.
    let counts = text.lines().next().unwrap_or_default();
    let numbers = counts.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<_>>();
    let [events, streams] = numbers[..] else { panic!("{text}") };
    (events, streams)
}

/// For the next start: an environment variable would be the same in all of them.
fn require_verification(server: &Server, verification: bool) {
    let file = server.folder().join("portcullis.toml");
    fs::write(file, format!("enable_email_verification = {verification}\n")).expect("writes");
}

/// A killed service still holds its leases for some seconds, in which no other one would mail. This is those seconds later.
fn end_leases(server: &Server) {
    query(&server.data().join("portcullis.db"), "UPDATE subscriptions SET leased_until = 0");
}

/// Loads the service, kills it, and returns what the clients had been told until then. Half of them register one account after
/// the other; the other half go on with an account of the rounds before, where there is one.
async fn kill_under_load(
    server: &mut Server,
    mailbox: &Arc<Mailbox>,
    regulars: Vec<Account>,
    (round, verification): (u64, bool),
    delay: Duration,
) -> (Vec<Account>, Tally) {
    let begin = Arc::new(Barrier::new(CLIENTS + 1));
    let mut regulars = regulars.into_iter();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let regular = if number % 2 == 0 { None } else { regulars.next() };
            let (client, mailbox, begin) = (Client::of(server), Arc::clone(mailbox), Arc::clone(&begin));
            tokio::spawn(async move {
                client.get("/auth/health", "").await.expect(200);
                begin.wait().await;
                let life = Life { client: &client, mailbox: &mailbox, verification };
                spend(&life, regular, &format!("jane.{round}.{number}")).await
            })
        })
        .collect();
    begin.wait().await;
    tokio::time::sleep(delay).await;
    server.kill();
    let (mut accounts, mut tally): (Vec<_>, _) = (regulars.collect(), Tally::default());
    for client in clients {
        let (some, few) = client.await.expect("every answer that arrived was as it should be");
        accounts.extend(some);
        tally.add(&few);
    }
    (accounts, tally)
}

/// One client's time until the service is gone.
async fn spend(life: &Life<'_>, mut regular: Option<Account>, name: &str) -> (Vec<Account>, Tally) {
    let (mut accounts, mut tally) = (Vec::new(), Tally::default());
    loop {
        let email = format!("{name}.{}@example.com", accounts.len());
        let mut account = regular.take().unwrap_or_else(|| Account::new(email));
        account.live_again();
        // A regular comes back until the end; a newcomer leaves and another one comes.
        let comes_back = account.registered == Step::Done;
        let survived = account.live(life, &mut tally).await.is_some();
        if survived && comes_back {
            regular = Some(account);
        } else {
            accounts.push(account);
        }
        if !survived {
            tally.unanswered += 1;
            return (accounts, tally);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_acknowledged_before_a_kill_is_there_after_the_restart() {
    let rounds = chosen("CHAOS_ROUNDS").unwrap_or(ROUNDS);
    let seed = chosen("CHAOS_SEED").unwrap_or_else(|| RandomState::new().hash_one(0) % 1_000_000);
    say(&format!("crash test: CHAOS_ROUNDS={rounds} CHAOS_SEED={seed}"));
    let mut server = Server::start_with(&[LEEWAY]);
    let mailbox = Arc::new(Mailbox::of(&server));
    let (mut all, mut total) = (Vec::new(), Tally::default());
    // For the first half. Who registers in the second is mailed no code, and could never prove their address in the first.
    let verification = |round: u64| round * 2 < rounds;
    let mut audited = (0, 0);
    for round in 0..rounds {
        let delay = Duration::from_millis(draw(seed, round, LATEST_KILL));
        let regulars = all.split_off(all.len().saturating_sub(CLIENTS / 2));
        let (mut accounts, tally) =
            kill_under_load(&mut server, &mailbox, regulars, (round, verification(round)), delay).await;
        total.add(&tally);

        // Before anything has been repaired by a start, and after.
        let crashed = audit(&server);
        assert!(crashed.0 >= audited.0 && crashed.1 >= audited.1 + tally.registered, "round {round}");
        require_verification(&server, verification(round + 1));
        if verification(round) {
            end_leases(&server);
        }
        server.restart();
        let client = Client::of(&server);
        let life = Life { client: &client, mailbox: &mailbox, verification: verification(round + 1) };
        accounts.retain(|account| account.registered != Step::Unsent);
        for account in &mut accounts {
            account.check(&life).await;
        }
        audited = audit(&server);
        all.extend(accounts);
    }
    assert!(total.registered > 0 && total.refreshed > 0, "nothing was done before the kills");

    // No later crash took what an earlier one had left, and everybody has their mail.
    assert!(server.stop().success());
    server.restart();
    let client = Client::of(&server);
    let life = Life { client: &client, mailbox: &mailbox, verification: false };
    for account in &mut all {
        account.check(&life).await;
    }
    let (events, streams) = audit(&server);
    let Tally { registered, verified, signed_in, refreshed, updated, signed_out, unanswered } = total;
    say(&format!(
        "crash test: {rounds} kills, {unanswered} requests cut off, none lost of {registered} registrations, \
         {verified} verifications, {signed_in} sign-ins, {refreshed} refreshes, {updated} updates and \
         {signed_out} sign-outs; {events} events on {streams} streams are intact"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_its_first_start_it_starts_again() {
    let rounds = chosen("CHAOS_ROUNDS").unwrap_or(ROUNDS);
    let seed = chosen("CHAOS_SEED").unwrap_or_else(|| RandomState::new().hash_one(0) % 1_000_000);
    say(&format!("first start: CHAOS_ROUNDS={rounds} CHAOS_SEED={seed}"));
    // Its mails would wait until the killed one's lease has run out.
    let mut server = Server::start_with(&[("ENABLE_EMAIL_VERIFICATION", "false")]);
    let started = Instant::now();
    server.kill();
    server.restart();
    let whole = u64::try_from(started.elapsed().as_micros()).expect("short");
    for round in 0..rounds {
        // As on a machine on which it never ran.
        server.kill();
        fs::remove_dir_all(server.data()).expect("its data goes");
        let delay = Duration::from_micros(draw(seed, round, whole));
        let mut first = server.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let first = first.as_mut().expect("it starts");
        std::thread::sleep(delay);
        first.kill().expect("it can be killed");
        first.wait().expect("it ends");

        server.restart();
        let client = Client::of(&server);
        client.register("jane@example.com").await.expect(201);
        client.login("jane@example.com", PASSWORD).await.expect(200);
        audit(&server);
    }
}
