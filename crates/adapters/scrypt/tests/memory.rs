//! What hashing takes of the system's memory. In a process of its own, which does nothing else.
#![cfg(target_os = "linux")]

use std::{fs, num::NonZeroUsize, sync::Arc};

use portcullis_domain::{port::PasswordHasher, testing::SeededEntropy, value::Password};
use portcullis_scrypt::{Parameters, Scrypt, Settings};

const THREADS: usize = 2;
const AT_ONCE: usize = 8;
/// For stacks, the runtime, and what else a process takes as it goes.
const CONSTANT: u64 = 16 << 20;

/// The most that this process ever had in memory, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux has it");
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kibibytes * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_ask_no_more_memory_is_taken_than_the_threads_need() {
    let threads = NonZeroUsize::new(THREADS).expect("not zero");
    let parameters = Parameters::default();
    let settings = Settings { parameters, threads, queue: AT_ONCE };
    let scrypt = Arc::new(Scrypt::start(settings, Arc::new(SeededEntropy::new(1))).expect("threads start"));
    let before = peak();
    let tries: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let scrypt = Arc::clone(&scrypt);
            tokio::spawn(async move { scrypt.verify(&Password::new("Tr4vel-light"), None).await })
        })
        .collect();
    for attempt in tries {
        attempt.await.expect("no panic").expect("the queue holds them all");
    }
    let taken = peak() - before;
    assert!(taken > parameters.memory() / 2, "{taken} bytes: this measures nothing");
    assert!(taken < THREADS as u64 * parameters.memory() + CONSTANT, "{taken} bytes");
}
