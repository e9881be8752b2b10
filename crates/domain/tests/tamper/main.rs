//! Whatever is done to a log that was signed is found, and the first bad event named: random tamperings of a store and of its export.
//! `TAMPERINGS` says how many, of a log of 10,000 events then; `just tamper` makes 10,000 of each.

mod export;
mod forge;
mod store;

use portcullis_domain::port::Entropy;
use portcullis_domain::testing::SeededEntropy;

/// How many a checkpoint covers.
const CHECKPOINT: usize = 250;

/// How many tamperings, where that is said.
#[expect(
    clippy::disallowed_methods,
    reason = "a heavy proof is told by the environment how heavy it is to be"
)]
fn asked_for() -> Option<usize> {
    std::env::var("TAMPERINGS").ok().map(|text| text.parse().expect("TAMPERINGS is a number"))
}

fn tamperings(default: usize) -> usize {
    asked_for().unwrap_or(default)
}

/// How many events the log has.
fn events() -> u64 {
    if asked_for().is_some() { 10_000 } else { 1_500 }
}

/// Draws that are the same in every run.
struct Draws(SeededEntropy);

impl Draws {
    fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    /// Below a bound.
    fn below(&self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        let bound = u64::try_from(bound).expect("small");
        usize::try_from(u64::from_le_bytes(bytes) % bound).expect("small")
    }

    /// Another one than that.
    fn other(&self, bound: usize, than: usize) -> usize {
        let drawn = self.below(bound - 1);
        drawn + usize::from(drawn >= than)
    }

    fn bit(&self) -> u32 {
        u32::try_from(self.below(64)).expect("small")
    }

    fn flip(&self, bytes: &mut [u8]) {
        let bit = self.below(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }

    fn flipped<const N: usize>(&self, bytes: &[u8; N]) -> [u8; N] {
        let mut bytes = *bytes;
        self.flip(&mut bytes);
        bytes
    }

    /// With one bit of one letter flipped, so that it is a text still.
    fn flipped_text(&self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        let place = self.below(bytes.len());
        bytes[place] ^= 1 << self.below(5);
        String::from_utf8(bytes).expect("ASCII")
    }
}
