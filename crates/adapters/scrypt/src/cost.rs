/// What a stored hash may take at most, if the present parameters do not take more themselves: four times the memory of
/// OWASP's largest setting.
const MAX_STORED_MEMORY: u64 = 512 << 20;
/// What a stored hash may cost at most in time, in units of N·r·p: eight times OWASP's dearest setting.
const MAX_STORED_WORK: u64 = 1 << 23;

/// What it takes to check a password against a hash, whichever function made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    /// In bytes.
    pub(crate) memory: u64,
    /// In units of scrypt's N·r·p. For the other functions it is as many units as take scrypt the same time, as measured on one
    /// machine; others differ from it by half.
    pub(crate) work: u64,
}

impl Cost {
    /// Whether a stored hash that costs this may be checked where new hashes cost `current`. Whoever can plant a hash could
    /// otherwise take the machine's memory, or a thread for days.
    pub(crate) fn is_affordable_beside(&self, current: &Self) -> bool {
        self.memory <= MAX_STORED_MEMORY.max(current.memory) && self.work <= MAX_STORED_WORK.max(current.work)
    }
}
