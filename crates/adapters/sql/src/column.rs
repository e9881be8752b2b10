//! What lies in a column. Stored values become the domain's, or are refused with the name of the row they are in.

use std::{fmt, io::Write, net::IpAddr, ops::Deref};

use chrono::{DateTime, Utc};
use diesel::{
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::{Pg, PgValue},
    query_builder::QueryId,
    serialize::{self, IsNull, Output, ToSql},
    sql_types::{BigInt, Binary, SqlType},
    sqlite::{Sqlite, SqliteValue},
};
use portcullis_domain::{
    event::{Actor, EventHash},
    port::{FeedCursor, StoreError},
};
use uuid::Uuid;

/// The microseconds from 1970, where time begins, to 2000, where it does for PostgreSQL
/// (<https://www.postgresql.org/docs/current/datatype-datetime.html>).
const UNTIL_2000: i64 = 946_684_800_000_000;

/// The type of a column of ids: `uuid` in PostgreSQL, and its bytes in SQLite.
#[derive(Clone, Copy, Debug, QueryId, SqlType)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Binary"))]
pub struct Id;

/// The type of a column of times: `timestamptz` in PostgreSQL, and the microseconds since 1970 in SQLite.
#[derive(Clone, Copy, Debug, QueryId, SqlType)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Long"))]
pub struct Moment;

/// An id as it is stored, whatever its length has become. Without bytes it comes before all others in SQLite, and is none to PostgreSQL.
#[derive(AsExpression, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, FromSqlRow)]
#[diesel(sql_type = Id)]
pub struct StoredId(
    /// Its bytes.
    pub Vec<u8>,
);

/// A time as it is stored, whether it is one or not.
#[derive(AsExpression, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, FromSqlRow)]
#[diesel(sql_type = Moment)]
pub struct StoredTime(
    /// Microseconds since 1970.
    pub i64,
);

/// A stored row, as an error names it: `events: position 17`.
pub struct RowName<K> {
    table: &'static str,
    key: K,
}

/// The key of a row: an id, whatever its length has become.
pub struct IdKey<'a>(&'a [u8]);

impl<'a> RowName<IdKey<'a>> {
    /// Names the row of a table by its id.
    pub const fn of_id(table: &'static str, id: &'a [u8]) -> Self {
        Self { table, key: IdKey(id) }
    }
}

impl<K: fmt::Display> RowName<K> {
    /// Names the row of a table by its key.
    pub const fn new(table: &'static str, key: K) -> Self {
        Self { table, key }
    }

    /// The error for a value of this row that does not read.
    pub fn corrupt(&self, what: impl fmt::Display) -> StoreError {
        StoreError::corrupt(format!("{}: {}: {what}", self.table, self.key))
    }

    /// An id of any kind.
    pub fn id<I: From<Uuid>>(&self, column: &str, bytes: &[u8]) -> Result<I, StoreError> {
        Uuid::from_slice(bytes)
            .map(I::from)
            .map_err(|_| self.corrupt(format_args!("{column} has {} bytes, not 16", bytes.len())))
    }

    /// A hash of an event, or another of its length.
    pub fn hash(&self, column: &str, bytes: &[u8]) -> Result<EventHash, StoreError> {
        bytes
            .try_into()
            .map(EventHash::new)
            .map_err(|_| self.corrupt(format_args!("{column} has {} bytes, not 32", bytes.len())))
    }

    /// A time.
    pub fn time(&self, column: &str, StoredTime(micros): StoredTime) -> Result<DateTime<Utc>, StoreError> {
        DateTime::from_timestamp_micros(micros)
            .ok_or_else(|| self.corrupt(format_args!("{column} {micros} is no time")))
    }

    /// An address of the network, in the column `ip_address`.
    pub fn address(&self, text: Option<String>) -> Result<Option<IpAddr>, StoreError> {
        let address = text.map(|text| text.parse()).transpose();
        address.map_err(|_| self.corrupt("ip_address is no address"))
    }

    /// Who did something, of two columns.
    pub fn actor(&self, kind: &str, id: Option<&[u8]>) -> Result<Actor, StoreError> {
        let id = id.map(|id| self.id("actor_id", id)).transpose()?;
        Actor::from_stored(kind, id).ok_or_else(|| {
            let id = if id.is_some() { "an id" } else { "no id" };
            self.corrupt(format_args!("actor kind {kind:?} with {id} is unknown"))
        })
    }

    /// One of a fixed set of names.
    pub fn named<N>(
        &self,
        column: &str,
        text: &str,
        read: impl FnOnce(&str) -> Option<N>,
    ) -> Result<N, StoreError> {
        read(text).ok_or_else(|| self.corrupt(format_args!("{column} {text:?} is unknown")))
    }

    /// A place in the feed, of two columns.
    pub fn cursor(&self, transaction_id: i64, position: i64) -> Result<FeedCursor, StoreError> {
        Ok(FeedCursor {
            transaction: self.count("transaction_id", transaction_id)?,
            position: self.count("position", position)?,
        })
    }

    /// A number that counts something, of any width.
    pub fn count<N: TryFrom<i64>>(&self, column: &str, number: i64) -> Result<N, StoreError> {
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
pub fn stored_id(id: impl Into<Uuid>) -> StoredId {
    StoredId(id.into().into_bytes().to_vec())
}

/// A time as it is stored: without what is less than a microsecond.
pub const fn stored_time(at: DateTime<Utc>) -> StoredTime {
    StoredTime(at.timestamp_micros())
}

/// A number as it is stored or compared with what is: both engines' integers end at 2^63 - 1, which no count ever reaches.
pub fn stored_number(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// How many there are, as the engine counts them: never less than none.
pub fn counted(number: i64) -> u64 {
    number.try_into().unwrap_or_default()
}

impl Deref for StoredId {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl ToSql<Id, Pg> for StoredId {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self)?;
        Ok(IsNull::No)
    }
}

impl ToSql<Id, Sqlite> for StoredId {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_slice());
        Ok(IsNull::No)
    }
}

impl FromSql<Id, Pg> for StoredId {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        FromSql::<Binary, Pg>::from_sql(value).map(Self)
    }
}

impl FromSql<Id, Sqlite> for StoredId {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        FromSql::<Binary, Sqlite>::from_sql(value).map(Self)
    }
}

impl ToSql<Moment, Pg> for StoredTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<BigInt, Pg>::to_sql(&self.0.saturating_sub(UNTIL_2000), &mut out.reborrow())
    }
}

impl ToSql<Moment, Sqlite> for StoredTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0);
        Ok(IsNull::No)
    }
}

impl FromSql<Moment, Pg> for StoredTime {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        // What PostgreSQL calls infinite stays at its end, and is no time.
        FromSql::<BigInt, Pg>::from_sql(value).map(|micros: i64| Self(micros.saturating_add(UNTIL_2000)))
    }
}

impl FromSql<Moment, Sqlite> for StoredTime {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        FromSql::<BigInt, Sqlite>::from_sql(value).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_begins_later_for_postgresql() {
        let at = DateTime::parse_from_rfc3339("2000-01-01T00:00:00Z").expect("a time");
        assert_eq!(stored_time(at.to_utc()), StoredTime(UNTIL_2000));
    }

    #[test]
    fn a_value_that_does_not_read_is_told_with_its_row() {
        let message = |id: &[u8]| {
            let error =
                RowName::of_id("users", id).time("created_at", StoredTime(i64::MAX)).expect_err("no time");
            match error {
                StoreError::Corrupt(source) => source.to_string(),
                other => panic!("{other:?}"),
            }
        };
        let what = format!("created_at {} is no time", i64::MAX);
        let whole = stored_id(Uuid::nil());
        assert_eq!(message(&whole), format!("users: id {}: {what}", Uuid::nil()));
        assert_eq!(message(&[0xab, 1]), format!("users: id ab01: {what}"));
    }
}
