//! The rules of sessions and their refresh tokens, as a machine of states: whatever people do in whatever order, and however time passes in
//! between, the use cases on a store do what a model in a few lines says.
//!
//! It is drawn by a seed what happens. What fails is made as short as it goes and printed with its seed.
//!
//! * `SESSION_RULES_RUNS` says how many runs there are, of [`LENGTH`] operations each;
//! * `SESSION_RULES_SEED` begins with another seed than 1.

mod model;
mod operation;
mod stand_in;
mod world;

use std::fmt::Write as _;

use crate::StoreHarness;
use operation::{Dice, Operation};
use world::World;

/// How many operations a run has.
const LENGTH: usize = 40;
/// How many runs there are unless the environment asks for more: a second or two on the slowest store.
const RUNS: u64 = 12;

/// Draws runs and compares what comes of each with the model.
///
/// # Panics
///
/// Where they part.
pub fn session_rules<H: StoreHarness>() {
    let (first, runs) = (setting("SESSION_RULES_SEED", 1), setting("SESSION_RULES_RUNS", RUNS));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("the operating system has threads to give");
    runtime.block_on(async {
        let store = H::start().await;
        let mut world = World::new(store.ports());
        for seed in first..first + runs {
            let operations = drawn(seed);
            if let Err(difference) = world.run(&operations).await {
                let (shortest, difference) = shortened(&mut world, operations, difference).await;
                panic!("seed {seed}: {difference}\nafter:\n{}", listed(&shortest));
            }
        }
    });
}

fn drawn(seed: u64) -> Vec<Operation> {
    let mut dice = Dice::new(seed);
    (0..LENGTH).map(|_| Operation::draw(&mut dice)).collect()
}

/// Leaves out whatever does not take part in the failure: halves, quarters, …, single operations, until none can be spared.
async fn shortened(
    world: &mut World,
    mut operations: Vec<Operation>,
    mut difference: String,
) -> (Vec<Operation>, String) {
    let mut size = operations.len() / 2;
    while size > 0 {
        let mut start = 0;
        while start < operations.len() {
            let mut fewer = operations.clone();
            fewer.drain(start..operations.len().min(start + size));
            match world.run(&fewer).await {
                Err(found) => (operations, difference) = (fewer, found),
                Ok(()) => start += size,
            }
        }
        size /= 2;
    }
    (operations, difference)
}

fn listed(operations: &[Operation]) -> String {
    operations.iter().fold(String::new(), |mut list, operation| {
        writeln!(list, "  {operation:?}").expect("a text takes it");
        list
    })
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment how long to go on")]
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: a number")))
}
