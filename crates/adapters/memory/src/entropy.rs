use portcullis_domain::port::Entropy;
use rand::{TryRng, rngs::SysRng};

/// The operating system's source of randomness. Fit for production.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    /// # Panics
    ///
    /// When the operating system has no randomness to give: nothing made after that would be safe.
    fn fill(&self, bytes: &mut [u8]) {
        SysRng.try_fill_bytes(bytes).expect("the operating system has a source of randomness");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        let mut draws = [[0; 32]; 2];
        for draw in &mut draws {
            OsEntropy.fill(draw);
            assert_ne!(*draw, [0; 32]);
        }
        assert_ne!(draws[0], draws[1]);
    }
}
