//! Stored values become the domain's, or are refused with the name of the row they are in.

use std::{fmt, net::IpAddr};

use chrono::{DateTime, Utc};
use portcullis_domain::{
    event::{Actor, EventHash},
    port::StoreError,
};
use uuid::Uuid;

/// A stored row, as an error names it: `events: position 17`.
pub(crate) struct RowName<K> {
    table: &'static str,
    key: K,
}

/// The key of a row: an id, whatever its length has become.
pub(crate) struct IdKey<'a>(pub(crate) &'a [u8]);

impl<K: fmt::Display> RowName<K> {
    pub(crate) const fn new(table: &'static str, key: K) -> Self {
        Self { table, key }
    }

    /// The error for a value of this row that does not read.
    pub(crate) fn corrupt(&self, what: impl fmt::Display) -> StoreError {
        StoreError::corrupt(format!("{}: {}: {what}", self.table, self.key))
    }

    pub(crate) fn id<I: From<Uuid>>(&self, column: &str, bytes: &[u8]) -> Result<I, StoreError> {
        Uuid::from_slice(bytes)
            .map(I::from)
            .map_err(|_| self.corrupt(format_args!("{column} has {} bytes, not 16", bytes.len())))
    }

    pub(crate) fn hash(&self, column: &str, bytes: &[u8]) -> Result<EventHash, StoreError> {
        bytes
            .try_into()
            .map(EventHash::new)
            .map_err(|_| self.corrupt(format_args!("{column} has {} bytes, not 32", bytes.len())))
    }

    pub(crate) fn time(&self, column: &str, micros: i64) -> Result<DateTime<Utc>, StoreError> {
        DateTime::from_timestamp_micros(micros)
            .ok_or_else(|| self.corrupt(format_args!("{column} {micros} is no time")))
    }

    /// An address of the network, in the column `ip_address`.
    pub(crate) fn address(&self, text: Option<String>) -> Result<Option<IpAddr>, StoreError> {
        let address = text.map(|text| text.parse()).transpose();
        address.map_err(|_| self.corrupt("ip_address is no address"))
    }

    /// Who did something, of two columns.
    pub(crate) fn actor(&self, kind: &str, id: Option<&[u8]>) -> Result<Actor, StoreError> {
        let id = id.map(|id| self.id("actor_id", id)).transpose()?;
        Actor::from_stored(kind, id).ok_or_else(|| {
            let id = if id.is_some() { "an id" } else { "no id" };
            self.corrupt(format_args!("actor kind {kind:?} with {id} is unknown"))
        })
    }

    /// One of a fixed set of names.
    pub(crate) fn named<N>(
        &self,
        column: &str,
        text: &str,
        read: impl FnOnce(&str) -> Option<N>,
    ) -> Result<N, StoreError> {
        read(text).ok_or_else(|| self.corrupt(format_args!("{column} {text:?} is unknown")))
    }

    /// A number that counts something, of any width.
    pub(crate) fn count<N: TryFrom<i64>>(&self, column: &str, number: i64) -> Result<N, StoreError> {
        N::try_from(number).map_err(|_| self.corrupt(format_args!("{column} {number} is out of range")))
    }
}

impl fmt::Display for IdKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("id ")?;
        match Uuid::from_slice(self.0) {
            Ok(id) => id.fmt(f),
            Err(_) => self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

/// An id as it is stored.
pub(crate) fn stored_id(id: impl Into<Uuid>) -> Vec<u8> {
    id.into().into_bytes().to_vec()
}

/// A number as it is stored or compared with what is: SQLite's integers end at 2^63 - 1, which no count ever reaches.
pub(crate) fn stored_number(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// How many there are, as the engine counts them: never less than none.
pub(crate) fn counted(number: i64) -> u64 {
    number.try_into().unwrap_or_default()
}
