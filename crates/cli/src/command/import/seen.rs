use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

/// On which line each key of a file was first. Keys are kept as 128 bits of a keyed hash: a file of a million people takes some 50 MB,
/// and that two keys have one hash is not to be expected in any file.
#[derive(Default)]
pub(crate) struct Seen {
    lines: HashMap<[u64; 2], u64>,
    hashers: [RandomState; 2],
}

impl Seen {
    /// The line a key was on before; from now on it is on this one, where it was on none.
    pub(crate) fn note(&mut self, key: &str, line: u64) -> Option<u64> {
        let key = [self.hashers[0].hash_one(key), self.hashers[1].hash_one(key)];
        let first = *self.lines.entry(key).or_insert(line);
        (first != line).then_some(first)
    }
}
