use async_trait::async_trait;

use super::{FeedCursor, StoreError};
use crate::replay::{DerivedRows, Mark, TableComparison, Wanted};

/// Makes rows beside those that are in use.
///
/// # Contract
///
/// * What is written beside is seen by no read until it is swapped in, and then by every one; what is beside is kept when it is closed, and gone on with.
/// * Comparing says of each table how many rows are wrong or lacking; after a swap none is, and what no event tells is as it was.
/// * What was discarded is begun anew.
/// * What is beside of somebody goes when their key is destroyed, and what is written of them after that is not kept.
/// * After `lock` no commit is applied until the swap, and every commit that was applied before is in the log.
#[async_trait]
pub trait Replays: Send + Sync {
    /// Opens the rows beside: those of an earlier call that was not finished, or none yet.
    async fn open(&self) -> Result<Box<dyn Shadow>, StoreError>;
}

/// Rows beside those that are in use; see [`Replays`].
#[async_trait]
pub trait Shadow: Send {
    /// How far the rows have come.
    async fn mark(&mut self) -> Result<Mark, StoreError>;
    /// Those of the wanted rows that there are.
    async fn find(&mut self, wanted: &Wanted) -> Result<DerivedRows, StoreError>;
    /// Writes rows, keys, and how far they have come, all or nothing.
    async fn write(&mut self, rows: &DerivedRows, mark: Mark) -> Result<(), StoreError>;
    /// Keeps everybody else from committing events, until this is swapped in, discarded or dropped; returns the place of the newest.
    async fn lock(&mut self) -> Result<FeedCursor, StoreError>;
    /// Compares with the rows in use.
    async fn compare(&mut self) -> Result<Vec<TableComparison>, StoreError>;
    /// Makes the rows in use what these are, in one step, and ends.
    async fn swap(self: Box<Self>) -> Result<(), StoreError>;
    /// Forgets these rows, and ends.
    async fn discard(self: Box<Self>) -> Result<(), StoreError>;
}
