/// A source of randomness fit for keys.
///
/// # Contract
///
/// * Bytes are unpredictable to whoever has seen all earlier ones.
pub trait Entropy: Send + Sync {
    /// Fills the buffer with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}
