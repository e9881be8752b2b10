use std::io;

use thiserror::Error;

use super::document::{Header, Line};
use crate::{
    port::{Checkpoints, EventStore, FeedCursor, Retention, StoreError},
    retention::{BasesSum, each_base},
};

/// How many events are read at once.
const PAGE: usize = 500;
/// How many checkpoints; each may be of some megabytes.
const CHECKPOINTS: usize = 4;

/// The log was not exported to its end.
#[derive(Debug, Error)]
pub enum ExportError {
    /// Events are missing that a checkpoint saw.
    #[error("the log is broken: events are missing that checkpoint {0} saw")]
    Missing(u64),
    /// The log was moved into an archive meanwhile.
    #[error("part of the log was moved into an archive meanwhile; try again")]
    Archived,
    /// It could not be written.
    #[error("the export cannot be written")]
    Write(#[from] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes the log from where a header says that it begins up to where it ends, line by line: as much of it at once as a page holds, and one
/// checkpoint.
pub async fn export_log(
    events: &dyn EventStore,
    checkpoints: &dyn Checkpoints,
    retention: &dyn Retention,
    header: &Header,
    write: &mut (dyn FnMut(&str) -> io::Result<()> + Send),
) -> Result<(), ExportError> {
    write(&Line::Header(Box::new(header.clone())).to_line())?;
    let (mut number, mut cursor) = (0, FeedCursor::START);
    if let Some(horizon) = &header.horizon {
        (number, cursor) = (horizon.tip.number, horizon.tip.cursor);
        let mut sum = BasesSum::NONE;
        each_base(retention, |base| {
            let mark = base.mark();
            sum.add(&mark);
            write(&Line::Base(Box::new(mark)).to_line()).map_err(ExportError::Write)
        })
        .await?;
        if sum != horizon.sum() {
            return Err(ExportError::Archived);
        }
    }
    while number < header.checkpoint {
        let page = checkpoints.list(number, CHECKPOINTS).await?;
        if page.is_empty() {
            return Err(ExportError::Missing(number + 1));
        }
        for signed in page {
            number = signed.checkpoint.number;
            if number > header.checkpoint {
                break;
            }
            let mut left = signed.leaves.len();
            write(&Line::Checkpoint(Box::new(signed)).to_line())?;
            while left > 0 {
                let items = events.read_feed(cursor, left.min(PAGE)).await?;
                if items.is_empty() {
                    return Err(ExportError::Missing(number));
                }
                left -= items.len();
                for item in items {
                    cursor = item.cursor;
                    write(&Line::Event(Box::new(item)).to_line())?;
                }
            }
        }
    }
    Ok(())
}
