//! Takes the items of an export's files to their outcomes, page by page, from each file's checkpoint on.
//!
//! The checkpoint counts lines: it follows the items whose outcome is durable, as a segment's does (R7). A file that can't
//! be read is noted with its reason and is not done; the others go on.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::Worker;
use super::books::{Beside, Books, Checkpoint, Unread};
use super::outcomes::{self, Outcomes, Place};
use super::page_size::PageSize;
use crate::error::Error;
use crate::export::{self, Broken, Contents, DataFile, Reader};
use crate::ledger::Entry;

/// Where the next page of a file begins.
#[derive(Serialize, Deserialize, Default)]
struct Cursor {
    /// So many lines have an outcome.
    lines: u64,
}

/// Works the files of one child.
pub(super) async fn work(
    worker: &Worker<'_>,
    contents: &Contents,
    child: u32,
    size: &mut PageSize,
) -> Result<(), Error> {
    for (number, file) in export::files_of(worker.services, contents, child).await? {
        let mut books: Books<'_> =
            Books::open(&worker.services.ledger, &worker.plan.run, Entry::Segment(number)).await?;
        let attempt = worker.plan.attempt;
        if books.checkpoint.unread.as_ref().is_some_and(|unread| unread.attempt == attempt) {
            continue;
        }
        match read(worker, number, &file, &mut books, size).await {
            Ok(()) => {}
            Err(Broken::Run(error)) => return Err(error),
            Err(Broken::File(reason)) => {
                let unread = Some(Unread { reason, attempt });
                // Where another worker was first, it has found the same, or the file's end.
                books.turn_to(Checkpoint { unread, ..books.checkpoint.clone() }, &Beside::default()).await?;
            }
        }
    }
    Ok(())
}

/// Reads a file to its end, from where its checkpoint stands.
async fn read(
    worker: &Worker<'_>,
    number: u32,
    file: &DataFile,
    books: &mut Books<'_>,
    size: &mut PageSize,
) -> Result<(), Broken> {
    let pace = worker.pace();
    let mut reader = Reader::open(export::carrier(worker.services).map_err(Broken::Run)?, file);
    while !books.checkpoint.done {
        pace.heed().map_err(Broken::Run)?;
        let began = Instant::now();
        let Cursor { lines } = cursor(&books.checkpoint).map_err(Broken::Run)?;
        // An empty file may be an empty object, which is no gzip.
        let (page, is_last, scanned) = if file.item_count == 0 {
            (Outcomes::default(), true, 0)
        } else {
            let page = reader.page(lines, size.items(), || pace.heed()).await?;
            let scanned = page.items.len();
            (outcomes::of(worker, &pace, number, page.items).await, page.is_last, scanned)
        };
        size.took(page.counts.scanned, began.elapsed());
        let cursor = serde_json::json!(Cursor { lines: lines + page.taken as u64 });
        let place = Place { cursor: Some(cursor), done: is_last && page.taken == scanned };
        outcomes::take_down(worker, &pace, number, books, page, place).await.map_err(Broken::Run)?;
    }
    Ok(())
}

fn cursor(checkpoint: &Checkpoint) -> Result<Cursor, Error> {
    let cursor = checkpoint.cursor.clone().map(serde_json::from_value).transpose();
    Ok(cursor
        .map_err(|_| Error::invalid("expected a checkpoint in a file of an export, found one in a segment"))?
        .unwrap_or_default())
}
