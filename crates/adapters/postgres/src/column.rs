//! Stored values become the domain's, or are refused with the name of the row they are in.

use std::fmt;

use portcullis_domain::{event::EventHash, port::StoreError};

/// A stored row, as an error names it: `events: position 17`.
pub(crate) struct RowName<K> {
    table: &'static str,
    key: K,
}

impl<K: fmt::Display> RowName<K> {
    pub(crate) const fn new(table: &'static str, key: K) -> Self {
        Self { table, key }
    }

    /// The error for a value of this row that does not read.
    pub(crate) fn corrupt(&self, what: impl fmt::Display) -> StoreError {
        StoreError::corrupt(format!("{}: {}: {what}", self.table, self.key))
    }

    pub(crate) fn hash(&self, column: &str, bytes: &[u8]) -> Result<EventHash, StoreError> {
        bytes
            .try_into()
            .map(EventHash::new)
            .map_err(|_| self.corrupt(format_args!("{column} has {} bytes, not 32", bytes.len())))
    }

    /// A number that counts something, of any width.
    pub(crate) fn count<N: TryFrom<i64>>(&self, column: &str, number: i64) -> Result<N, StoreError> {
        N::try_from(number).map_err(|_| self.corrupt(format_args!("{column} {number} is out of range")))
    }
}

/// A number as it is stored or compared with what is: PostgreSQL's integers end at 2^63 - 1, which no count ever reaches.
pub(crate) fn stored_number(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// How many there are, as the engine counts them: never less than none.
pub(crate) fn counted(number: i64) -> u64 {
    number.try_into().unwrap_or_default()
}

/// A text to look for, unless it holds what no text in PostgreSQL does: then nothing has it.
pub(crate) fn storable(text: String) -> Option<String> {
    (!text.contains('\0')).then_some(text)
}

/// One value of each item, as a statement takes many rows at once.
pub(crate) fn column<T, V>(items: &[T], value: impl FnMut(&T) -> V) -> Vec<V> {
    items.iter().map(value).collect()
}
